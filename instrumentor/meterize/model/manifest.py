"""What is metered in an environment: the manifest of one distribution, and what was found or done there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .feature import Policy
from .plan import HookPoint

MANIFEST_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredPlan:
    """A plan that is in force: one feature of the distribution.

    ``plan_text`` is the whole plan file as it was instrumented, ``plan_digest`` the SHA-256 that the pipeline names it by,
    ``plan_path`` where it lay then.
    """

    feature: str
    policy: Policy
    plan_digest: str
    plan_path: str
    hook_points: tuple[HookPoint, ...]
    plan_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A .pyc as it was before the first hook: SHA-256 of its bytes, permission bits, time stamps; ``saved`` is the name of
    its copy in the store."""

    digest: str
    mode: int
    atime_ns: int
    mtime_ns: int
    saved: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedFile:
    """One .pyc of ours. Paths are posix, relative to the site folder; digests are SHA-256 in hex.

    ``source_digest`` is that of the source which the hooks were made from. ``hooks`` are in it, ``missing`` have no place at
    this ``optimization``. ``original`` is None where there was no file.
    """

    source: str
    source_digest: str
    optimization: int
    pyc: str
    digest: str
    hooks: tuple[str, ...]
    missing: tuple[str, ...]
    original: Original | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything that metering changed for one distribution, and all that is needed to take it back.

    ``package`` is the import name, ``interpreter`` the cache tag of the .pyc files, ``made_folders`` are the ``__pycache__``
    folders that did not exist before the first hook; single modules of several distributions share one.
    """

    distribution: str
    package: str
    version: str
    interpreter: str
    plans: tuple[MeteredPlan, ...]
    files: tuple[ManagedFile, ...]
    made_folders: tuple[str, ...]


class Condition(StrEnum):
    """What has become of one of our files."""

    OURS = "ours"
    GONE = "gone"
    RECOMPILED = "recompiled"
    UPGRADED = "upgraded"
    OUTDATED = "outdated"
    SOURCE_TOUCHED = "source-touched"
    SOURCE_GONE = "source-gone"
    OTHER_INTERPRETER = "other-interpreter"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """One of our files as it is now: ``meaning`` and ``advice`` are sentences for the operator (no advice where all is well).

    ``metered`` says whether an import at this ``optimization`` still runs the hooks.
    """

    source: str
    pyc: str
    optimization: int
    condition: Condition
    metered: bool
    meaning: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something about the environment that keeps hooks from working, or from being seen; ``slug`` names its kind."""

    slug: str
    meaning: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftFile:
    """A file that stripping did not put back, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StripReport:
    """What stripping did. Paths are posix, relative to the site folder.

    ``restored`` have their original back, ``removed`` did not exist before. ``identical``: nothing was left, and every file was
    read again and has the digest, mode and time stamp from before.
    """

    distribution: str
    restored: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[LeftFile, ...]
    identical: bool
    runtime_removed: bool
    notes: tuple[str, ...] = ()
