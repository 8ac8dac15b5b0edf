"""What ``instrument --dry-run`` shows: the bytecode before and after, face to face, and where in it hooks stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from meterize.model.report import CodeChange

CONTEXT: Final = 3
"""Unchanged instructions that are shown around each change."""
_JUMP: Final = re.compile(r"(\S+) .*\(to \d+\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An instruction before and after; ``hooks`` are noticed right before it."""

    before: str
    after: str
    is_same: bool
    hooks: tuple[str, ...] = ()


def show_changes(console: Console, changes: Sequence[CodeChange]) -> None:
    """Each code object: a listing of two columns, or a line where all that is new in it arms the hooks."""
    for change in changes:
        rows = facing(change)
        if not change.hooks and (arming := _inserted_at_once(rows)):
            console.print(
                f"{escape(change.qualname)} ({escape(change.file)}): {arming} instructions at its beginning arm the hooks when"
                f" it is imported; its own {len(change.before)} are as before (--json lists all)",
                style="italic",
                soft_wrap=True,
            )
        else:
            console.print(_side_by_side(change, rows))


def _side_by_side(change: CodeChange, rows: Sequence[Row]) -> Table:
    table = Table(title=f"{escape(change.qualname)} ({escape(change.file)})", title_justify="left", pad_edge=False)
    table.add_column("before", overflow="fold", ratio=1)
    table.add_column("after", overflow="fold", ratio=1)
    for row in without_the_long(rows):
        for hook in row.hooks:
            table.add_row("", Text(f"    ◆ {hook}", style="bold magenta"))
        table.add_row(Text(row.before), Text(row.after, style="dim" if row.is_same else "green"))
    return table


def facing(change: CodeChange) -> list[Row]:
    """Both listings, equal instructions facing each other; what a duplicate adds faces them once more."""
    if change.again is None:
        return list(_facing(change, change.before, 0, len(change.after)))
    title = Row(before="", after="      ⋮ once more, as long as hooks wait", is_same=False)
    entry = 1 + next(number for number, line in enumerate(change.before) if _face(line).startswith("RESUME"))
    first = _facing(change, change.before, 0, change.again)
    return [*first, title, *_facing(change, change.before[entry:], change.again, len(change.after))]


def _facing(change: CodeChange, before: Sequence[str], start: int, stop: int) -> Iterator[Row]:
    """The lines of ``after`` from ``start`` to ``stop``, and ``before``."""
    hooks = {at: tuple(hook for number, hook in change.hooks if number == at) for at, _ in change.hooks}
    left, right = list(map(_face, before)), list(map(_face, change.after[start:stop]))
    for kind, a1, a2, b1, b2 in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        pairs = zip_longest(before[a1:a2], change.after[start + b1 : start + b2], fillvalue="")
        for number, (old, new) in enumerate(pairs, start + b1):
            yield Row(before=old, after=new, is_same=kind == "equal", hooks=hooks.get(number, ()))


def _inserted_at_once(rows: Sequence[Row]) -> int:
    """How many instructions are new, where nothing else has changed and all of them stand together; else 0."""
    groups = [list(group) for is_same, group in groupby(rows, key=lambda row: row.is_same) if not is_same]
    if len(groups) != 1 or any(row.before for row in groups[0]):
        return 0
    return len(groups[0])


def without_the_long(rows: Sequence[Row]) -> Iterator[Row]:
    """The rows without long stretches in which there is no change and no hook; one row counts each."""
    near = {
        number + step
        for number, row in enumerate(rows)
        if row.hooks or not row.is_same
        for step in range(-CONTEXT, CONTEXT + 1)
    }
    for is_near, group in groupby(enumerate(rows), key=lambda pair: pair[0] in near):
        stretch = [row for _, row in group]
        if is_near or len(stretch) == 1:
            yield from stretch
        else:
            same = f"      ⋮ {len(stretch)} as before"
            yield Row(before=same, after=same, is_same=True)


def _face(line: str) -> str:
    """An instruction apart from where it, or the target of its jump, stands."""
    return _JUMP.sub(r"\1", line.lstrip(" 0123456789"))
