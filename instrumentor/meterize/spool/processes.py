"""Owns what one process has counted: its two files, held against each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .folder import NAMES_SUFFIX, OLD_SUFFIX, USES_SUFFIX, open_regular
from .names_file import NAMES_LIMIT, HookName, Loss, Names, read_names
from .uses_file import COUNT_LIMIT, DamagedError, Header, read_cells, read_header

NO_ROOM: Final[Loss] = ("no-room", "", "", "")
FIRST_NAMED_ROW: Final = 1
"""Row 0 is whoever named no subject, unless it is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUse:
    """What a process has counted. ``counts`` by number of the hook and row, none 0; ``changed`` is when the file changed last,
    as the file system knows it. Without a ``header`` there are no counts. ``problems`` are sentences for the user.
    """

    incarnation: str
    header: Header | None
    changed: datetime | None
    hooks: dict[int, HookName]
    subjects: dict[int, str]
    counts: dict[tuple[int, int], int]
    losses: dict[Loss, int]
    problems: tuple[str, ...]

    def total(self, hook: int) -> int:
        """Uses of the hook by all subjects."""
        return sum(count for (number, _), count in self.counts.items() if number == hook)


def read_processes(folder: Path) -> tuple[list[ProcessUse], list[str]]:
    """The processes of a spool in the order in which they began, and sentences about the folder; none if it is not there."""
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [f"{folder}: cannot be read ({error.strerror})"]
    incarnations = sorted({path.stem for path in found if path.suffix in (USES_SUFFIX, NAMES_SUFFIX)})
    old = [path.name for path in found if path.suffix == OLD_SUFFIX]
    return [_read_process(folder, incarnation) for incarnation in incarnations], _told(old)


def _told(old: list[str]) -> list[str]:
    """Of hooks of an older version there may be a file for each process that ever ran."""
    if not old:
        return []
    which = old[0] if len(old) == 1 else f"{old[0]} and {len(old) - 1} more"
    return [f"{which}: written by hooks of an older version, and not counted"]


def _read_process(folder: Path, incarnation: str) -> ProcessUse:
    """Counts first: whatever has been counted by then has its name in the other file."""
    problems: list[str] = []
    header, cells, changed = _read_uses(folder / f"{incarnation}{USES_SUFFIX}", problems)
    names = _read_names(folder / f"{incarnation}{NAMES_SUFFIX}", problems)
    counts = dict(_name_cells(f"{incarnation}{USES_SUFFIX}", header, cells, names, problems)) if header else {}
    return ProcessUse(
        incarnation=incarnation,
        header=header,
        changed=changed,
        hooks=names.hooks,
        subjects=names.subjects,
        counts=counts,
        losses=_losses(header, names),
        problems=tuple(problems),
    )


def _losses(header: Header | None, names: Names) -> dict[Loss, int]:
    losses = {loss: count for loss, count in names.losses.items() if count}
    if header is not None and 0 < header.outside < COUNT_LIMIT:
        losses[NO_ROOM] = losses.get(NO_ROOM, 0) + header.outside
    return losses


def _read_uses(path: Path, problems: list[str]) -> tuple[Header | None, dict[int, int], datetime | None]:
    cells: dict[int, int] = {}
    try:
        with open_regular(path) as file:
            state = os.fstat(file.fileno())
            try:
                header = read_header(file)
            except DamagedError as damage:
                lost = sum(count for _, count in read_cells(file) if count < COUNT_LIMIT)
                problems.append(f"{path.name} {damage}: not counted{f', perhaps {lost:,} uses' if lost else ''}")
                return None, cells, None
            if state.st_size < header.size:
                problems.append(f"{path.name}: somebody has cut off its end, counts may be missing")
            cells.update(read_cells(file))
    except FileNotFoundError:
        return None, cells, None
    except OSError as error:
        problems.append(f"{path.name}: cannot be read ({error.strerror or error})")
        return None, cells, None
    return header, cells, datetime.fromtimestamp(state.st_mtime, UTC)


def _read_names(path: Path, problems: list[str]) -> Names:
    try:
        with open_regular(path) as file:
            names = read_names(file.read(NAMES_LIMIT))
    except FileNotFoundError:
        return Names()
    except OSError as error:
        problems.append(f"{path.name}: cannot be read ({error.strerror or error})")
        return Names()
    problems.extend(f"{path.name}: {problem}" for problem in names.problems)
    return names


def _name_cells(
    file: str, header: Header, cells: dict[int, int], names: Names, problems: list[str]
) -> Iterator[tuple[tuple[int, int], int]]:
    """((number of the hook, row), count) of cells that have a meaning."""
    nameless = impossible = 0
    for cell, count in cells.items():
        row, hook = header.place(cell)
        if count >= COUNT_LIMIT:
            impossible += 1
        elif hook in names.hooks and (row < FIRST_NAMED_ROW or row in names.subjects):
            yield (hook, row), count
        else:
            nameless += count
    if nameless:
        problems.append(f"{file}: {nameless:,} {'use has' if nameless == 1 else 'uses have'} no name, and not counted")
    if impossible:
        problems.append(f"{file}: {impossible:,} {'cell holds' if impossible == 1 else 'cells hold'} a number that cannot be")
