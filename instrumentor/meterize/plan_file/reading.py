"""Owns how a plan is read: every key checked, and each complaint says which one and what was expected."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from meterize.errors import UsageError
from meterize.model.code import CodeId
from meterize.model.feature import Charge, Policy
from meterize.model.plan import PLAN_SCHEMA, HookPlan, HookPoint, Selection

from .tables import Table, invalid
from .writing import MAX_BYTES

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ANALYZE: Final = "Make a new plan with `meterize analyze`."


def read_plan(path: Path) -> HookPlan:
    """The plan in a file.

    Raises UsageError: ``plan-not-found``, ``plan-invalid`` (which key, what was expected) or ``plan-wrong-schema``.
    """
    return _plan(Table(path, "", _parse(path)))


def check_interpreter(plan: HookPlan, cache_tag: str) -> None:
    """Raise UsageError unless the plan was made for this interpreter's bytecode (``sys.implementation.cache_tag``)."""
    if plan.interpreter != cache_tag:
        raise UsageError(
            f"the plan was made for {plan.interpreter}, and this interpreter is {cache_tag}: their bytecode differs",
            slug="plan-wrong-interpreter",
            hint=f"Name an interpreter that is {plan.interpreter} with `meterize --python PATH`, or analyze again.",
        )


def _parse(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError(f"no plan at {path}", slug="plan-not-found", hint=_ANALYZE) from error
    except OSError as error:
        raise invalid(path, f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise invalid(path, f"larger than {MAX_BYTES:,} bytes; this is no plan")
    try:
        return tomllib.loads(content.decode())
    except RecursionError as error:
        raise invalid(path, "nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, an integer of thousands of digits
        raise invalid(path, f"not TOML: {error}") from error


def _plan(table: Table) -> HookPlan:
    schema = table.number("schema", least=1)
    if schema != PLAN_SCHEMA:
        raise UsageError(
            f"{table.path}: the plan has schema {schema}; this meterize reads schema {PLAN_SCHEMA}",
            slug="plan-wrong-schema",
            hint=f"{_ANALYZE} Or use the version of meterize that wrote this one.",
        )
    selection_table = table.table("selection")
    slice_table = table.table("slice")
    selection = _selection(selection_table)
    plan = HookPlan(
        package=table.text("package"),
        distribution=table.text("distribution"),
        version=table.text("version"),
        interpreter=table.text("interpreter"),
        feature=table.text("feature"),
        charge=Charge(table.one_of("charge", Charge)),
        policy=Policy(table.one_of("policy", Policy)),
        with_command=table.text("with"),
        without_command=table.text("without"),
        cwd=table.text("cwd"),
        selection=selection,
        intersection=slice_table.number("intersection"),
        union=slice_table.number("union"),
        slice_functions=slice_table.texts("functions"),
        hook_points=_hook_points(table, frozenset(selection.feature_tests)),
        warnings=table.texts("warnings"),
    )
    for used in (table, selection_table, slice_table):
        used.refuse_leftovers()
    return plan


def _selection(table: Table) -> Selection:
    selection = Selection(
        feature_tests=table.texts("feature_tests"),
        rest_tests=table.texts("rest_tests"),
        moved_to_feature=table.texts("moved_to_feature"),
        moved_to_rest=table.texts("moved_to_rest"),
    )
    _require_known(table, "moved_to_feature", selection.moved_to_feature, frozenset(selection.feature_tests))
    _require_known(table, "moved_to_rest", selection.moved_to_rest, frozenset(selection.rest_tests))
    return selection


def _require_known(table: Table, key: str, tests: tuple[str, ...], known: frozenset[str]) -> None:
    for test in tests:
        if test not in known:
            table.refuse(key, "only tests that the selection lists on its side", test)


def _hook_points(table: Table, feature_tests: frozenset[str]) -> tuple[HookPoint, ...]:
    tables = table.tables("hook_point")
    points = tuple(_hook_point(stanza, feature_tests) for stanza in tables)
    _refuse_twins(tables, "id", (point.id for point in points))
    _refuse_twins(tables, "offset", ((point.code, point.offset) for point in points))
    return points


def _hook_point(table: Table, feature_tests: frozenset[str]) -> HookPoint:
    point = HookPoint(
        id=table.text("id"),
        code=CodeId(
            file=_relative_file(table), qualname=table.text("qualname"), first_line=table.number("first_line", least=0)
        ),
        line=table.number("line"),
        offset=_even(table),
        digest=_digest(table),
        why=table.text("why", empty=True),
        covers=table.texts("covers"),
    )
    _require_known(table, "covers", point.covers, feature_tests)
    table.refuse_leftovers()
    return point


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


def _refuse_twins(tables: tuple[Table, ...], key: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for table, value in zip(tables, values, strict=True):
        if value in seen:
            table.refuse(key, "one that no other hook point has", value)
        seen.add(value)
