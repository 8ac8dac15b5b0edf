"""Makes a set of changes to a site folder as one: all of them, or none, whatever happens in between.

Everything that needs room or permission is done first, under temporary names; then come the renames, which need neither.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from meterize.errors import TargetError

from .disk import duplicate, failures_explained, make_folder, move_folder, remove, set_times, sync_folders, write
from .exclusion import lock
from .journal import FolderTime, Journal, Step, begin, decide, finish, is_pending, settle
from .store import FOLDER_MODE, STORE, is_unfinished, make_store, retire_store

_DECIDED: Final = "the work is done, only clean-up is left: the next command does it"
_TORN: Final = "what was begun could not be taken back yet: the next command tries again. The packages work meanwhile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write a file."""

    target: str
    data: bytes
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutCopy:
    """Let a file be the same as another; ``mode``, ``atime_ns`` and ``mtime_ns`` make sure of what a copy may have lost."""

    target: str
    source: str
    mode: int
    atime_ns: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PutFolder:
    """Write a whole folder, instead of the one that may be there; ``files`` by their path in it."""

    target: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Remove a file, or a folder with all that is in it."""

    target: str


Change: TypeAlias = Put | PutCopy | PutFolder | Discard


@contextmanager
def settled(site: Path) -> Iterator[None]:
    """Hold the lock on an environment in which nothing is half done."""
    with lock(site):
        _settle(site)
        with failures_explained(site):
            yield


def recover(site: Path) -> bool:
    """Finish or undo what a killed process left; returns whether there was anything. Cheap if not.

    Raises TargetError: ``locked``, ``read-only-site``, ``manifest-corrupt``.
    """
    if not needs_recovery(site):
        return False
    with lock(site):
        found = needs_recovery(site)
        _settle(site)
        return found


def needs_recovery(site: Path) -> bool:
    """Whether a process was killed here, or is at work just now. Takes no lock and changes nothing."""
    return is_pending(site) or is_unfinished(site)


def _settle(site: Path) -> None:
    with failures_explained(site, _TORN):
        settle(site)
        retire_store(site)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """Changes to make in one site folder, in this order.

    ``site_mtime_ns`` is the time stamp to give the site folder (None: the one it has); all other folders keep theirs.
    ``emptied`` are folders to remove if nothing is left in them.
    """

    site: Path
    changes: Sequence[Change]
    site_mtime_ns: int | None
    emptied: Iterable[str] = ()


def commit(*commissions: Commission) -> None:
    """Make the changes of all site folders, whose locks must be held, or none.

    Each is decided only when all are in place: only a kill in between the decisions, a rename for each, leaves some made and
    some not. Raises TargetError with everything as it was before.
    """
    journals: list[tuple[Path, Journal]] = []
    with ExitStack() as unless_decided:
        for each in commissions:
            unless_decided.callback(_settle, each.site)
            with failures_explained(each.site):
                journals.append((each.site, _make(each)))
        for site, _ in journals:
            with failures_explained(site):
                decide(site)
        unless_decided.pop_all()
    with ExitStack() as clean_up:
        for site, journal in reversed(journals):
            clean_up.callback(_finish, site, journal)


def _make(commission: Commission) -> Journal:
    """Everything but the decision."""
    site = commission.site
    begun_ns = site.stat().st_mtime_ns
    make_store(site)
    left_ns = begun_ns if commission.site_mtime_ns is None else commission.site_mtime_ns
    journal = _draw_up(site, commission.changes, begun_ns, left_ns, commission.emptied)
    begin(site, journal)
    _stage(site, commission.changes, journal)
    _swap(site, journal)
    return journal


def _finish(site: Path, journal: Journal) -> None:
    try:
        with failures_explained(site, _DECIDED):
            finish(site, journal)
            retire_store(site)
    except KeyboardInterrupt:
        _settle(site)
        raise


def _draw_up(site: Path, changes: Sequence[Change], begun_ns: int, left_ns: int, emptied: Iterable[str]) -> Journal:
    steps = tuple(_draw_step(site, number, change) for number, change in enumerate(changes))
    for parent in {(site / step.target).parent for step in steps}:
        _require_inside(site, parent)
    made = _missing_folders(site, [step.target for step in steps if step.staged is not None])
    goes = sorted(set(emptied), key=lambda folder: -folder.count("/"))
    touched = {str(PurePosixPath(path).parent) for path in (*(step.target for step in steps), *made, *goes)}
    times = []
    for folder in sorted(touched):
        if folder.split("/")[0] == STORE or folder in made:
            continue
        if folder == ".":
            times.append(FolderTime(folder=folder, before_ns=begun_ns, after_ns=left_ns))
        elif (site / folder).is_dir():
            mtime_ns = (site / folder).stat().st_mtime_ns
            times.append(FolderTime(folder=folder, before_ns=mtime_ns, after_ns=mtime_ns))
    return Journal(steps=steps, made=made, emptied=tuple(goes), times=tuple(times))


def _draw_step(site: Path, number: int, change: Change) -> Step:
    target = PurePosixPath(change.target)
    path = site / target
    return Step(
        target=change.target,
        staged=None if isinstance(change, Discard) else str(target.with_name(f".meterize-new-{number}")),
        saved=str(target.with_name(f".meterize-old-{number}")) if path.exists() else None,
        is_folder=isinstance(change, PutFolder) or path.is_dir(),
    )


def _require_inside(site: Path, folder: Path) -> None:
    """Refuse to follow a link out of the site folder, whoever may have put it there."""
    if not folder.resolve().is_relative_to(site.resolve()):
        raise TargetError(
            f"{folder} leads out of {site} through a link",
            slug="not-a-file",
            hint="Something arranged this environment in a way that meterize will not touch. Install the package plainly.",
        )


def _missing_folders(site: Path, targets: Sequence[str]) -> tuple[str, ...]:
    """The folders to make, outer before inner."""
    folders = {str(folder) for target in targets for folder in PurePosixPath(target).parents if str(folder) != "."}
    return tuple(
        sorted((folder for folder in folders if not (site / folder).is_dir()), key=lambda each: (each.count("/"), each))
    )


def _stage(site: Path, changes: Sequence[Change], journal: Journal) -> None:
    for folder in journal.made:
        inner = folder.split("/")[0] == STORE
        like = (site / folder).parent.stat()
        make_folder(site / folder, FOLDER_MODE if inner else like.st_mode & 0o777, like)
    for change, step in zip(changes, journal.steps, strict=True):
        if step.staged is not None:
            _stage_content(site, change, site / step.staged)
        if step.saved is not None and not step.is_folder:
            duplicate(site / step.target, site / step.saved)
    sync_folders((site / step.target).parent for step in journal.steps)


def _stage_content(site: Path, change: Change, staged: Path) -> None:
    match change:
        case Put():
            write(staged, change.data, change.mode, staged.parent.stat())
        case PutCopy():
            duplicate(site / change.source, staged)
            if stat.S_IMODE(staged.stat().st_mode) != change.mode:
                staged.chmod(change.mode)
            set_times(staged, mtime_ns=change.mtime_ns, atime_ns=change.atime_ns)
        case PutFolder():
            _stage_folder(change, staged)
        case Discard():
            pass


def _stage_folder(change: PutFolder, staged: Path) -> None:
    like = staged.parent.stat()
    make_folder(staged, like.st_mode & 0o777, like)
    folders = {staged}
    for name, data in sorted(change.files.items()):
        path = staged / name
        for folder in reversed(path.relative_to(staged).parents[:-1]):
            if staged / folder not in folders:
                make_folder(staged / folder, like.st_mode & 0o777, like)
                folders.add(staged / folder)
        write(path, data, 0o666 & like.st_mode, like)
    sync_folders(folders)


def _swap(site: Path, journal: Journal) -> None:
    """Nothing in here needs room on the disk."""
    for step in journal.steps:
        target = site / step.target
        if step.saved is not None and step.is_folder:
            move_folder(target, site / step.saved)
        if step.staged is not None:
            (site / step.staged).replace(target)
        elif not step.is_folder:
            remove(target)
    sync_folders((site / step.target).parent for step in journal.steps)
