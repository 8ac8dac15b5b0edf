"""Owns how places are read: hook points, the alternatives that were not chosen, and what the user said of the choice."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Final

from meterize.model.code import CodeId
from meterize.model.feature import Guidance
from meterize.model.plan import Alternative, Fires, HookPoint

from .tables import Table

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def read_hook_points(tables: Sequence[Table], feature_tests: frozenset[str]) -> tuple[HookPoint, ...]:
    """The hook points of one feature; no two of an id, or at one place. Raises UsageError (``plan-invalid``)."""
    points = tuple(_hook_point(table, feature_tests) for table in tables)
    _refuse_twins(tables, "id", (point.id for point in points))
    _refuse_twins(tables, "offset", ((point.code, point.offset) for point in points))
    return points


def read_alternative(table: Table) -> Alternative:
    """A place that was not chosen. Raises UsageError (``plan-invalid``)."""
    alternative = Alternative(
        code=_code(table),
        line=table.number("line"),
        feature_tests=table.number("feature_tests"),
        rest_tests=table.number("rest_tests"),
        why_not=table.text("why_not", empty=True),
    )
    table.refuse_leftovers()
    return alternative


def read_guidance(table: Table) -> Guidance:
    """What the user said of the choice: keys of a feature's table, none of which is needed. Raises the format's UsageError."""
    return Guidance(
        at=table.texts("at") if table.has("at") else (),
        exclude=table.texts("exclude") if table.has("exclude") else (),
        max_hooks=table.number("max_hooks", least=1) if table.has("max_hooks") else None,
    )


def require_known(table: Table, key: str, tests: tuple[str, ...], known: frozenset[str]) -> None:
    """Refuse a test that the selection does not have on that side."""
    for test in tests:
        if test not in known:
            table.refuse(key, "only tests that the selection lists on its side", test)


def _hook_point(table: Table, feature_tests: frozenset[str]) -> HookPoint:
    point = HookPoint(
        id=table.text("id"),
        code=_code(table),
        line=table.number("line"),
        offset=_even(table),
        digest=_digest(table),
        why=table.text("why", empty=True),
        covers=table.texts("covers"),
        fires=_fires(table.table("fires")),
        unproven=table.texts("unproven"),
    )
    require_known(table, "covers", point.covers, feature_tests)
    table.refuse_leftovers()
    return point


def _fires(table: Table) -> Fires:
    fires = Fires(once=table.number("once"), more=table.number("more"), unknown=table.number("unknown"))
    table.refuse_leftovers()
    return fires


def _code(table: Table) -> CodeId:
    return CodeId(file=_relative_file(table), qualname=table.text("qualname"), first_line=table.number("first_line", least=0))


def _relative_file(table: Table) -> str:
    """A path that stays inside the folder that holds the package, whoever edited the plan."""
    file = table.text("file")
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or str(path) != file or not file.endswith(".py") or "\0" in file:
        table.refuse("file", 'the relative path of a module, such as "package/module.py"', file)
    return file


def _even(table: Table) -> int:
    offset = table.number("offset")
    if offset % 2:
        table.refuse("offset", "an even number of bytes (instructions are two bytes wide)", offset)
    return offset


def _digest(table: Table) -> str:
    digest = table.text("digest")
    if not _DIGEST.fullmatch(digest):
        table.refuse("digest", "64 hexadecimal digits", digest)
    return digest


def _refuse_twins(tables: Sequence[Table], key: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for table, value in zip(tables, values, strict=True):
        if value in seen:
            table.refuse(key, "one that no other hook point has", value)
        seen.add(value)
