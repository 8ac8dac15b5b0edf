"""What is charged for, in the user's words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Charge(StrEnum):
    """When one use counts: when it begins, or when it has succeeded."""

    ON_ENTRY = "on-entry"
    ON_SUCCESS = "on-success"


class Policy(StrEnum):
    """How often a hook fires: once in a process and then never again, or at every use."""

    ONCE = "once"
    EVERY = "every"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A feature and the two shell commands whose difference it is; both run in ``cwd``."""

    name: str
    with_command: str
    without_command: str
    cwd: Path
    charge: Charge = Charge.ON_ENTRY
