"""Tokens: who may send, who may read, and whose uses. Only their digests are ever stored."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256
from typing import Final, Literal

from msgspec import Struct

Scope = Literal["ingest", "read", "export"]
SCOPES: Final[tuple[Scope, ...]] = ("ingest", "read", "export")
PREFIX: Final = "mz"


class Grant(Struct, frozen=True, kw_only=True):
    """What one token allows. A source's has a ``source``; a reader's has ``subject``, or None for everybody's uses."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    source: str | None = None
    subject: str | None = None
    made: int
    revoked: int | None = None


def new_token() -> tuple[str, str, bytes]:
    """A new token: its public id, its whole text (shown once), and the digest to store."""
    name = secrets.token_hex(6)
    text = f"{PREFIX}_{name}_{secrets.token_urlsafe(32)}"
    return name, text, digest(text)


def digest(text: str) -> bytes:
    """What is stored of a token. It has 256 random bits, so that a fast digest is enough."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def token_id(text: str) -> str | None:
    """The public id in a token's text; None where it is no token."""
    parts = text.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX and parts[1].isalnum() and parts[1].isascii() else None


def matches(text: str, stored: bytes) -> bool:
    """Whether it is the token of that digest, in a time that does not tell how nearly."""
    return hmac.compare_digest(digest(text), stored)
