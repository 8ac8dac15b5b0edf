"""What an environment is made of, file by file, so that before and after can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file's content, permissions and time stamp (nanoseconds)."""

    sha256: str
    mode: int
    modified: int


Snapshot: TypeAlias = Mapping[str, FileState]


def take_snapshot(folder: Path) -> Snapshot:
    """Every file below the folder."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            status = file.stat()
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            found[str(file.relative_to(folder))] = FileState(sha256=digest, mode=status.st_mode, modified=status.st_mtime_ns)
    return found


def digest(snapshot: Snapshot) -> str:
    """One sha256 over names, contents, permissions and time stamps."""
    whole = hashlib.sha256()
    for name, state in sorted(snapshot.items()):
        whole.update(f"{name}\0{state.sha256}\0{state.mode}\0{state.modified}\n".encode())
    return whole.hexdigest()


def differences(before: Snapshot, after: Snapshot) -> tuple[list[str], list[str], list[str]]:
    """The names of files that changed, came and went."""
    changed = [name for name in before if name in after and before[name] != after[name]]
    return changed, [name for name in after if name not in before], [name for name in before if name not in after]
