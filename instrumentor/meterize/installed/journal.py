"""The journal of a change that is under way: enough to undo it until it is decided, and to finish it afterwards.

It is one file. Named ``.undo.json`` it says: take all this back. The change is decided by renaming it to ``.finish.json``:
then only clean-up is left. Every step can be repeated, for whoever recovers may be killed too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from .disk import remove, remove_if_empty, set_times, sync_folders, write
from .records import Record, dump_record, is_inside, read_record
from .store import MODE, STORE, has_store

_UNDO: Final = f"{STORE}/.undo.json"
_FINISH: Final = f"{STORE}/.finish.json"
_NEW: Final = f"{STORE}/.new.json"
_SCHEMA: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One path that changes. ``staged`` is the new content under a temporary name in the same folder (None: the path is to
    go); ``saved`` the old content under another (None: the path did not exist). Whole folders are moved, files linked."""

    target: str
    staged: str | None
    saved: str | None
    is_folder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderTime:
    """A folder's modification time before the change, and as it shall be after it."""

    folder: str
    before_ns: int
    after_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """A change. ``made`` are new folders, outer before inner; ``emptied`` go if nothing is left in them, inner before outer."""

    steps: tuple[Step, ...]
    made: tuple[str, ...]
    emptied: tuple[str, ...]
    times: tuple[FolderTime, ...]


def is_pending(site: Path) -> bool:
    """Whether a change was cut short."""
    return has_store(site) and any((site / name).exists() for name in (_UNDO, _FINISH, _NEW))


def begin(site: Path, journal: Journal) -> None:
    """From now on, whoever finds the environment unlocked takes the change back."""
    write(site / _NEW, _dump(journal), MODE, site.stat())
    (site / _NEW).replace(site / _UNDO)
    sync_folders([site / STORE])


def decide(site: Path) -> None:
    """From now on, the change is done: this one rename is the only step in between."""
    (site / _UNDO).replace(site / _FINISH)


def settle(site: Path) -> bool:
    """Undo or finish whatever the journal says; returns whether the change was finished."""
    if not is_pending(site):
        return False
    if finished := (site / _FINISH).exists():
        finish(site, _read(site / _FINISH))
    elif (site / _UNDO).exists():
        undo(site, _read(site / _UNDO))
    remove(site / _NEW)
    return finished


def undo(site: Path, journal: Journal) -> None:
    """Take back what was done, however little or much that was."""
    for step in reversed(journal.steps):
        _undo_step(site, step)
    for folder in reversed(journal.made):
        remove_if_empty(site / folder)
    _restore_times(site, [(each.folder, each.before_ns) for each in journal.times])
    _forget(site, _UNDO, journal)


def _undo_step(site: Path, step: Step) -> None:
    target = site / step.target
    swapped = step.staged is not None and not _exists(site / step.staged)
    if step.saved is not None and _exists(site / step.saved):
        if step.is_folder:
            remove(target)
        (site / step.saved).replace(target)
        if not step.is_folder:
            # Two names of one file: renaming one over the other does nothing (rename(2)).
            remove(site / step.saved)
    elif step.saved is None and swapped:
        remove(target)
    if step.staged is not None:
        remove(site / step.staged)
    for name in (step.staged, step.saved):
        if name is not None:
            remove(site / f"{name}.part")


def finish(site: Path, journal: Journal) -> None:
    """Clear away what undoing would have needed, once the decision is durable."""
    sync_folders([site / STORE])
    for step in journal.steps:
        if step.saved is not None:
            remove(site / step.saved)
    for folder in journal.emptied:
        remove_if_empty(site / folder)
    _restore_times(site, [(each.folder, each.after_ns) for each in journal.times])
    _forget(site, _FINISH, journal)


def _restore_times(site: Path, times: list[tuple[str, int]]) -> None:
    for folder, mtime_ns in times:
        if (site / folder).is_dir():
            set_times(site / folder, mtime_ns=mtime_ns)


def _forget(site: Path, name: str, journal: Journal) -> None:
    folders = {(site / each.folder) for each in journal.times}
    sync_folders(folder for folder in folders if folder.is_dir())
    remove(site / name)
    sync_folders([site / STORE])


def _exists(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _dump(journal: Journal) -> bytes:
    return dump_record(asdict(journal), _SCHEMA)


def _read(path: Path) -> Journal:
    record = read_record(path, _SCHEMA)
    return Journal(
        steps=tuple(_read_step(each) for each in record.items("steps")),
        made=tuple(_inside(record, folder) for folder in record.texts("made")),
        emptied=tuple(_inside(record, folder) for folder in record.texts("emptied")),
        times=tuple(
            FolderTime(
                folder=_inside(each, each.text("folder"), allow_site=True),
                before_ns=each.number("before_ns"),
                after_ns=each.number("after_ns"),
            )
            for each in record.items("times")
        ),
    )


def _inside(record: Record, folder: str, *, allow_site: bool = False) -> str:
    if not is_inside(folder) and not (allow_site and folder == "."):
        record.refuse(f"names a folder that is not inside the site folder: {folder!r}")
    return folder


def _read_step(record: Record) -> Step:
    target = record.inside("target")
    step = Step(
        target=target,
        staged=record.optional("staged", record.inside),
        saved=record.optional("saved", record.inside),
        is_folder=record.flag("is_folder"),
    )
    for name in (step.staged, step.saved):
        if name is not None and PurePosixPath(name).parent != PurePosixPath(target).parent:
            record.refuse("must keep its temporary names beside its target")
    return step
