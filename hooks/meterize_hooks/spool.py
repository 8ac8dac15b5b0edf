"""Owns one usage file: append-only JSON Lines in the spool folder, one file a process, named by its incarnation."""

# pathlib is no light import:
# ruff: noqa: PTH100, PTH111, PTH117, PTH118, PTH120

from __future__ import annotations

import os
from os.path import abspath, dirname, expanduser, isabs, join

from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUFFIX = ".jsonl"
TORN = b' "torn"\n'
"""Ends what a failed write has left of a line; whatever it was, with this behind it it is no JSON."""
CHUNK_BYTES = 1 << 18


def spool_folder(environ: Mapping[str, str]) -> str | None:
    """METERIZE_SPOOL, else meterize/spool under the XDG state folder; None where that names no absolute path."""
    given = environ.get("METERIZE_SPOOL", "")
    state = environ.get("XDG_STATE_HOME", "")
    if given:
        folder = expanduser(given)
    elif isabs(state):
        folder = join(state, "meterize", "spool")
    else:
        folder = expanduser(join("~", ".local", "state", "meterize", "spool"))
    try:
        return abspath(folder) if given else folder if isabs(folder) else None
    except OSError:  # a relative path, and the working directory is gone
        return None


class SpoolFile:
    """The file of one process. It is opened for each append: an application may close descriptors that it does not know, and
    their numbers come back as files of its own."""

    def __init__(self, folder: str | None, incarnation: str) -> None:
        self._folder = folder
        self._path = None if folder is None else join(folder, incarnation + SUFFIX)
        self._torn = False

    def append(self, lines: Sequence[bytes]) -> int:
        """How many of the lines, from the first, are in the file now: all, or fewer when the folder or the disk won't do."""
        done = 0
        while done < len(lines):
            end, size = done, 0
            while end < len(lines) and (end == done or size + len(lines[end]) <= CHUNK_BYTES):
                size += len(lines[end])
                end += 1
            written = self._append_chunk(lines[done:end])
            done += written
            if done < end:
                break
        return done

    def _append_chunk(self, lines: Sequence[bytes]) -> int:
        try:
            descriptor = self._open()
        except (OSError, ValueError):
            return 0
        try:
            start = System.fstat(descriptor).st_size
            prefix = TORN if self._torn else b""
            size = System.write(descriptor, prefix + b"".join(lines))
            if size < len(prefix):
                return 0
            self._torn = False
            return self._keep_whole_lines(descriptor, lines, start + len(prefix), size - len(prefix))
        except OSError:  # no room, no quota: nothing was written
            return 0
        finally:
            System.close(descriptor)

    def _keep_whole_lines(self, descriptor: int, lines: Sequence[bytes], start: int, size: int) -> int:
        """Of a write of ``size`` bytes at ``start``, count the whole lines and cut off the rest."""
        whole = length = 0
        while whole < len(lines) and length + len(lines[whole]) <= size:
            length += len(lines[whole])
            whole += 1
        if length < size:
            try:
                System.ftruncate(descriptor, start + length)
            except OSError:
                self._torn = True
        return whole

    def _open(self) -> int:
        if self._folder is None or self._path is None:
            raise FileNotFoundError
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return System.open(self._path, flags, 0o600)
        except FileNotFoundError:
            _make_folder(self._folder)
            return System.open(self._path, flags, 0o600)


def _make_folder(folder: str, mode: int = 0o700) -> None:
    """Private from its first moment; the folders above it as the user's umask says."""
    try:
        System.mkdir(folder, mode)
    except FileExistsError:
        return
    except FileNotFoundError:
        if dirname(folder) == folder:
            raise
        _make_folder(dirname(folder), 0o777)
        System.mkdir(folder, mode)
