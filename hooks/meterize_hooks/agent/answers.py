"""Owns what the agent understands of the ledger's answer: a value, without anything of HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

AWAY, BUSY, STRANGER, TOKEN, UNTRUSTED = "away", "busy", "stranger", "token", "untrusted"
"""Kinds of trouble: nobody answers or not now, it asks to wait, somebody else answers, the token, no safe connection."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """All of it is durable in the ledger: what it says of each report."""

    outcome = "confirmed"
    reports: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The ledger wants smaller requests."""

    outcome = "too-large"


@dataclass(frozen=True, slots=True)
class Refused:
    """The ledger has taken nothing of it, and says what is wrong with it."""

    outcome = "refused"
    message: str
    problems: list[object] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The token is wrong, or was revoked."""

    outcome = "unauthorized"
    message: str
    kind = TOKEN


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody knows whether it was taken; it is sent again."""

    outcome = "unavailable"
    message: str
    seconds: float = 0.0
    """How long the ledger asks us to wait."""
    kind: str = AWAY
    is_closed: bool = False
    """The connection was closed before there was an answer."""


if TYPE_CHECKING:
    Answer = Confirmed | TooLarge | Refused | Unauthorized | Unavailable
