"""The features that are analyzed in one go, each told apart from all the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .feature import Feature, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """The shell command that runs the tests of everything else, in ``cwd``."""

    command: str
    cwd: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One feature, and its ``package`` if that is not the one of the whole catalogue. Where the feature has no
    ``without_command`` of its own, the catalogue's rest is the rest."""

    feature: Feature
    policy: Policy
    package: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """One entry or more, in the user's order, and the rest that they have in common, if any."""

    entries: tuple[Entry, ...]
    rest: Rest | None = None
