"""What the commands found out, ready to be shown or written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from .feature import Policy
from .manifest import FileState, Manifest, Notice
from .package import Package
from .plan import HookPlan


class Mark(StrEnum):
    """How much of a source line is the feature's own: of every feature test, of some, or none."""

    EVERY = "every"
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceLine:
    """One source line of a function; ``hooks`` are the ids of the hook points on it."""

    number: int
    text: str
    mark: Mark
    hooks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceFunction:
    """One function that owns unique code: ``unique`` of its ``total`` instructions."""

    file: str
    qualname: str
    line: int
    unique: int
    total: int
    lines: tuple[SliceLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What ``analyze`` found. ``replaced``: an earlier plan lay at ``plan_path``. ``seconds``: CPU time of both suites.
    ``advice``: what to do before the plan is used, where its tests look sorted wrongly. ``rest_noticed``: how many rest tests
    pass a hook point. ``page_path``: where the HTML page was written, if it was. ``kept``: which suites, ``with`` or
    ``without``, did not run now, and when they did (seconds since 1970)."""

    package: Package
    plan: HookPlan
    plan_path: Path
    replaced: bool
    functions: tuple[SliceFunction, ...]
    warnings: tuple[str, ...]
    seconds: float
    advice: str = ""
    rest_noticed: int = 0
    page_path: Path | None = None
    kept: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChange:
    """The disassembly of one code object before and after. ``hooks`` are their ids, each with the number (from 0) of the line
    of ``after`` right before which it is noticed, or with which its own code begins; a module, that arms them, has none.
    ``again`` is the number of the line with which a duplicate of the code begins."""

    file: str
    qualname: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    hooks: tuple[tuple[int, str], ...] = ()
    again: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedHook:
    """A hook and how it notices: ``monitoring``, ``in-place`` or ``inline``; ``missing_at`` are the optimisation levels that
    have no place for it."""

    id: str
    file: str
    qualname: str
    line: int
    mechanism: str
    missing_at: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrumentation:
    """What ``instrument`` did, or would do (``dry_run``). ``changed`` is False where all was as wanted already."""

    package: Package
    feature: str
    policy: Policy
    dry_run: bool
    changed: bool
    files: tuple[str, ...]
    hooks: tuple[PlacedHook, ...]
    changes: tuple[CodeChange, ...]
    warnings: tuple[str, ...]


class Proven(StrEnum):
    """What the evidence beside a plan is worth: of this plan and these bytes (``current``), of others, or not to be read."""

    CURRENT = "current"
    OTHER_PLAN = "other-plan"
    OTHER_BYTES = "other-bytes"
    UNREADABLE = "unreadable"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureProof:
    """What ``verify`` left beside the plan of one feature; ``verdict``, ``time`` and ``digest`` (of the file) are of evidence
    that is current. ``differs``: what the plan or the code in force differs in from what other evidence is of, in words."""

    feature: str
    state: Proven
    path: Path
    verdict: str = ""
    time: str = ""
    digest: str = ""
    differs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageStatus:
    """One metered package: ``intact`` if every file still runs its hooks and nothing in the environment keeps them from it."""

    site: Path
    manifest: Manifest
    files: tuple[FileState, ...]
    notices: tuple[Notice, ...]
    intact: bool
    proofs: tuple[FeatureProof, ...] = ()
