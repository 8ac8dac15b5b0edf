"""Owns the spool folders: which usage files there are, and how one goes that the ledger has confirmed.

Removing takes three steps, so that no kill between them leaves names or counts that nobody knows the meaning of: the counts
become ``.done``, the names go, then the rest. Whoever finds a ``.done`` finishes it.
"""

# pathlib is no light import, and this runs in applications:
# ruff: noqa: PTH104, PTH108, PTH116, PTH118, PTH122, PTH208

from __future__ import annotations

import os
import time
from contextlib import suppress
from os.path import join

from .liveness import is_free
from .usage_file import DONE, NAMES, USES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .journal import Journal
    from .usage import UsageFile

INCARNATION_LETTERS = 36
OLD = ".jsonl"
"""What versions before 0.2 wrote; read by ``meterize ledger import``."""
UNFINISHED = ".new"
UNFINISHED_SECONDS = 60.0
"""A process makes its file within milliseconds, and holds a lock on it almost from its first moment."""


class Spools:
    """The folders of one agent."""

    def __init__(self, folders: tuple[str, ...], *, are_named: bool = False) -> None:
        self.folders = folders
        self._are_named = are_named
        self.problems: dict[str, str] = {}
        """Sentences about folders that cannot be read; one that is not there yet is a problem where somebody named it."""
        self.missing: dict[str, str] = {}
        """Sentences about those that nobody named and that are not there yet."""
        self._told: set[str] = set()
        self.old = 0
        """Files of older versions, which stay as they are."""
        self.unaccompanied: list[str] = []
        """Names without counts: their processes count in memory alone, for no file could be made. They stay as they are."""
        self._unfinished: dict[str, float] = {}
        """Files that are being made, and since when they are seen, by a clock that nobody sets."""

    def scan(self) -> Iterator[tuple[str, str]]:
        """(folder, incarnation) of every usage file, oldest first: the names begin with the time."""
        self.problems.clear()
        self.missing.clear()
        self.unaccompanied.clear()
        self.old = 0
        before, self._unfinished = self._unfinished, {}
        for folder in self.folders:
            yield from sorted((folder, incarnation) for incarnation in self._incarnations(folder))
        self._sweep_unfinished(before)

    def tell(self, journal: Journal) -> None:
        """What there is to say of the folders themselves."""
        told = {**self.problems, **self.missing}
        for folder, problem in told.items():
            journal.tell(folder, problem)
        for folder in self._told - told.keys():
            journal.settle(folder, f"the spool {folder} is there now")
        self._told = set(told)

    def _sweep_unfinished(self, before: dict[str, float]) -> None:
        """Take away what has been here too long; what a file says of its age depends on a clock that somebody may set."""
        for path, now in self._unfinished.items():
            since = self._unfinished[path] = before.get(path, now)
            if now - since > UNFINISHED_SECONDS:
                _sweep(path)

    def _incarnations(self, folder: str) -> Iterator[str]:
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            told = self.problems if self._are_named else self.missing
            remedy = "is it the folder of the metered processes?" if self._are_named else "is METERIZE_SPOOL set there?"
            told[folder] = f"there is no spool {folder} yet; the first metered process makes it: {remedy}"
            return
        except OSError as error:
            why = error.strerror or type(error).__name__
            self.problems[folder] = (
                f"the spool {folder} cannot be read ({why}): run the agent as the user of the metered processes"
            )
            return
        known = set(names)
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix == UNFINISHED:
                self._unfinished[join(folder, name)] = time.monotonic()
            if len(stem) != INCARNATION_LETTERS:
                continue
            if suffix == USES:
                yield stem
            elif suffix == DONE:
                with suppress(OSError):
                    _finish(folder, stem)
            elif suffix == OLD:
                self.old += 1
            elif suffix == NAMES and not {stem + USES, stem + DONE} & known and _rests(join(folder, name)):
                self.unaccompanied.append(join(folder, name))


def remove(file: UsageFile) -> None:
    """Take it away, names and all; another agent may have done so. Raises OSError."""
    with suppress(FileNotFoundError):
        os.rename(file.path, join(file.folder, file.incarnation + DONE))
        _finish(file.folder, file.incarnation)


def _finish(folder: str, incarnation: str) -> None:
    for suffix in (NAMES, DONE):
        with suppress(FileNotFoundError):
            os.unlink(join(folder, incarnation + suffix))


def _rests(path: str) -> bool:
    """Whether it is not just being made, or removed."""
    try:
        return time.time() - os.stat(path).st_mtime > UNFINISHED_SECONDS
    except OSError:
        return False


def _sweep(path: str) -> None:
    """Take away what a process left that died while it made its file; nothing was counted there yet."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return
    try:
        if is_free(descriptor):
            os.unlink(path)
    except OSError:
        return
    finally:
        os.close(descriptor)
