"""What is charged for, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final


class Charge(StrEnum):
    """When one use counts: when it begins, or when it has succeeded."""

    ON_ENTRY = "on-entry"
    ON_SUCCESS = "on-success"


class Policy(StrEnum):
    """How often a hook fires: once in a process and then never again, or at every use."""

    ONCE = "once"
    EVERY = "every"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """What the user says about the choice of places.

    ``at`` names the places to hook, whatever else there is, as ``module:qualname`` or ``module:qualname:line``; ``exclude``
    names functions to leave alone, as patterns of ``module:qualname`` or of a module alone (``*`` stands for anything); a
    module is a dotted name or a file. ``max_hooks`` bounds the number of hook points (None: as many as it takes).
    """

    at: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_hooks: int | None = None


NO_GUIDANCE: Final = Guidance()


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature and the two shell commands whose difference it is; both run in ``cwd``."""

    name: str
    with_command: str
    without_command: str
    cwd: Path
    charge: Charge = Charge.ON_ENTRY
    guidance: Guidance = NO_GUIDANCE
