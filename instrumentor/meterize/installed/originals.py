"""What a compiled file was before the first hook: how that is kept, and how it comes back."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from meterize.cpython.pyc import load_pyc
from meterize.model.manifest import ManagedFile, Original

from .disk import digest, read
from .store import original_file, saved_name
from .transaction import Change, Discard, PutCopy

_TABLE_MARK = ("meterize", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The original of a file that is about to be hooked, and what to do so as to keep it. ``current`` is what lies there."""

    current: bytes | None
    original: Original | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """How to put a file back: ``left`` says why it can't be, or what is odd about it; ``removed``: there will be no file."""

    changes: tuple[Change, ...]
    removed: bool
    left: str = ""


def keep_original(site: Path, distribution: str, pyc: str, prior: ManagedFile | None) -> Kept:
    """Keep the first original of all; but what somebody else compiled in between is the one to come back then."""
    saved = original_file(distribution, saved_name(pyc))
    had = prior.original if prior else None
    path = site / pyc
    before = path.lstat() if path.exists() else None
    current = read(path)
    if prior is not None and current is not None and digest(current) == prior.digest:
        return Kept(current=current, original=had, changes=())
    if before is None or current is None or is_hooked(current):
        changes: tuple[Change, ...] = (Discard(target=saved),) if had else ()
        return Kept(current=current, original=None, changes=changes)
    original = Original(
        digest=digest(current),
        mode=stat.S_IMODE(before.st_mode),
        atime_ns=before.st_atime_ns,
        mtime_ns=before.st_mtime_ns,
        saved=saved_name(pyc),
    )
    return Kept(current=current, original=original, changes=(_copy_of(original, pyc, saved),))


def release(site: Path, distribution: str, file: ManagedFile, *, because: str) -> Release:
    """Put the original back where our file still lies. ``because`` explains a file that has been changed by others."""
    saved = original_file(distribution, saved_name(file.pyc))
    forget: tuple[Change, ...] = (Discard(target=saved),) if (site / saved).exists() else ()
    current = read(site / file.pyc)
    if current is None:
        return Release(changes=forget, removed=True, left=f"it was deleted since{because}")
    if digest(current) != file.digest:
        return Release(changes=forget, removed=False, left=f"it is not ours any more: it was written again since{because}")
    remove = Discard(target=file.pyc)
    if file.original is None or not (site / file.source).exists():
        return Release(changes=(remove, *forget), removed=True)
    kept = read(site / saved)
    if kept is None or digest(kept) != file.original.digest:
        reason = f"its original in {saved} is damaged; the hooks are out, and Python will compile the source again"
        return Release(changes=(remove, *forget), removed=True, left=reason)
    return Release(changes=(_copy_of(file.original, saved, file.pyc), *forget), removed=False)


def is_back(site: Path, file: ManagedFile) -> bool:
    """Whether a file is again what it was before: bytes, mode, time stamp."""
    data = read(site / file.pyc)
    if file.original is None or data is None:
        return data is None and (file.original is None or not (site / file.source).exists())
    status = (site / file.pyc).lstat()
    same = (digest(data), stat.S_IMODE(status.st_mode), status.st_mtime_ns)
    return same == (file.original.digest, file.original.mode, file.original.mtime_ns)


def is_hooked(pyc: bytes) -> bool:
    """Whether a .pyc of this interpreter carries a hook table, whatever became of its manifest."""
    code = load_pyc(pyc)
    tables = [const for const in code.co_consts if isinstance(const, tuple)] if code else []
    return any(table[:2] == _TABLE_MARK and len(table) == 5 for table in tables)


def _copy_of(original: Original, source: str, target: str) -> PutCopy:
    return PutCopy(target=target, source=source, mode=original.mode, atime_ns=original.atime_ns, mtime_ns=original.mtime_ns)
