"""The folder of kept runs: ours alone, written whole or not at all, bounded in size."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meterize.model.coverage import CoverageRecord

from .record import dump_run, load_run

_ROOM: Final = 256 * 1024 * 1024
_ENDING: Final = ".run"


def kept_runs_folder(variables: Mapping[str, str]) -> Path | None:
    """Where runs are kept; None without a home. A relative XDG_CACHE_HOME does not count, as the XDG specification wants it."""
    cache = variables.get("XDG_CACHE_HOME", "")
    if cache.startswith("/"):
        return Path(cache) / "meterize" / "runs"
    home = variables.get("HOME", "")
    return Path(home) / ".cache" / "meterize" / "runs" if home.startswith("/") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A run that was kept, and when it was (seconds since 1970)."""

    record: CoverageRecord
    at: float


class KeptRuns:
    """Runs by fingerprint. Whatever goes wrong here only means that a suite runs again."""

    def __init__(self, folder: Path, room: int = _ROOM) -> None:
        """``room`` is in bytes: the oldest runs make place for new ones."""
        self._folder = folder
        self._room = room

    def find(self, key: str) -> Kept | None:
        """The run of this fingerprint. A damaged file is removed."""
        if not self._is_ours():
            return None
        path = self._path(key)
        try:
            at = path.stat().st_mtime
            return Kept(record=load_run(path.read_bytes()), at=at)
        except OSError:
            return None
        except ValueError:
            with contextlib.suppress(OSError):
                path.unlink()
            return None

    def keep(self, key: str, record: CoverageRecord) -> None:
        """Keep a run, and let the oldest ones go."""
        data = dump_run(record)
        if len(data) > self._room // 2:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours():
                return
            self._evict(self._room - len(data))
            self._write(self._path(key), data)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_ENDING}"

    def _is_ours(self) -> bool:
        """A folder that others can write to, or a link to anywhere, is no place to believe."""
        try:
            status = self._folder.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022

    def _write(self, path: Path, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=self._folder)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def _evict(self, room: int) -> None:
        """Remove what was written longest ago until the rest fits; halves that a killed process left are the oldest."""
        files = [
            (entry.stat().st_mtime, entry.stat().st_size, entry.path) for entry in os.scandir(self._folder) if entry.is_file()
        ]
        left = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if left <= room:
                return
            Path(path).unlink(missing_ok=True)
            left -= size
