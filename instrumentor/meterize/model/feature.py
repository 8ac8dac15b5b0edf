"""What is charged for, in the user's words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final


class Charge(StrEnum):
    """When one use counts: when it begins, or when it has succeeded."""

    ON_ENTRY = "on-entry"
    ON_SUCCESS = "on-success"


@dataclass(frozen=True, slots=True)
class Policy:
    """How often a hook counts in a process: at every use, or until it goes away.

    ``once``; ``every``; ``once-per-subject``; ``once-per-window=15m`` (a whole number of s, m, h or d; windows begin at
    multiples of their length since 1970-01-01 UTC); ``first=100``. Raises ValueError for a ``value`` that is none.
    """

    value: str
    ONCE: ClassVar[Policy]
    EVERY: ClassVar[Policy]
    PATTERN: ClassVar[str] = r"once|every|once-per-subject|once-per-window=[1-9][0-9]{0,5}[smhd]|first=[1-9][0-9]{0,8}"
    FORMS: ClassVar[tuple[str, ...]] = ("once", "every", "once-per-subject", "once-per-window=1h", "first=100")

    def __post_init__(self) -> None:
        if not re.fullmatch(self.PATTERN, self.value):
            raise ValueError(self.value)

    def __str__(self) -> str:
        return self.value

    @property
    def stays(self) -> bool:
        """Whether its hooks count every use and never go away."""
        return self == Policy.EVERY

    @property
    def counted(self) -> str:
        """What of the uses is counted in each process, as the end of a sentence; empty where all are."""
        kind, _, argument = self.value.partition("=")
        phrases = {"every": "", "once": "the first use", "once-per-subject": "the first use of each subject"}
        if kind == "first":
            return f"the first {argument} uses"
        return phrases.get(kind, f"the first use in each window of {argument}")


Policy.ONCE = Policy("once")
Policy.EVERY = Policy("every")


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
