"""Owns how a plan is read: every key of every feature checked, and each complaint says which one and what was expected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from glob import escape
from pathlib import Path
from typing import Final

from meterize.errors import UsageError
from meterize.model.enumeration import first_few
from meterize.model.feature import Charge
from meterize.model.plan import PLAN_SCHEMA, HookPlan, Selection, Side

from .places import read_alternative, read_guidance, read_hook_points, require_known
from .tables import Format, Table, read_table
from .writing import MAX_BYTES

_ANALYZE: Final = "Make a new plan with `meterize analyze`."
_SHOWN: Final = 4


def _missing(what: str, path: Path) -> UsageError:
    """With the plans whose names begin so: of a package, its name may have been given."""
    near = sorted(map(str, path.parent.glob(f"{escape(path.name)}*.plan.toml")))
    hint = f"Did you mean {first_few(near, _SHOWN)}?" if near else _ANALYZE
    return UsageError(what, slug="plan-not-found", hint=hint)


def _invalid(what: str) -> UsageError:
    hint = "Correct the plan by hand, or make a new one with `meterize analyze`."
    return UsageError(what, slug="plan-invalid", hint=hint)


_FORMAT: Final = Format(name="plan", max_bytes=MAX_BYTES, missing=_missing, invalid=_invalid)


def read_plans(path: Path) -> tuple[HookPlan, ...]:
    """The features of a plan in a file: one or more, in the file's order, all of one interpreter.

    Raises UsageError: ``plan-not-found``, ``plan-invalid`` (which key, what was expected) or ``plan-wrong-schema``.
    """
    table = read_table(path, _FORMAT)
    schema = table.number("schema", least=1)
    if schema != PLAN_SCHEMA:
        raise UsageError(
            f"{path}: the plan has schema {schema}; this meterize reads schema {PLAN_SCHEMA}",
            slug="plan-wrong-schema",
            hint=f"{_ANALYZE} Or use the version of meterize that wrote this one.",
        )
    interpreter = table.text("interpreter")
    tables = table.tables("feature")
    table.refuse_leftovers()
    plans = tuple(_plan(each, interpreter, path) for each in tables)
    _require_apart(tables, plans)
    return plans


def _require_apart(tables: Sequence[Table], plans: Sequence[HookPlan]) -> None:
    """Refuse two features of one name in a distribution, and features told apart from what is not in the file."""
    seen: set[tuple[str, str]] = set()
    for table, plan in zip(tables, plans, strict=True):
        if (plan.distribution, plan.feature) in seen:
            table.refuse("name", "one that no other feature of its distribution has", plan.feature)
        seen.add((plan.distribution, plan.feature))
        others = {other.feature for other in plans if other.distribution == plan.distribution} - {plan.feature}
        for name in plan.against:
            if name not in others:
                table.refuse("against", "only other features of the same distribution, in this file", name)


def check_interpreter(plan: HookPlan, cache_tag: str) -> None:
    """Raise UsageError unless the plan was made for this interpreter's bytecode (``sys.implementation.cache_tag``)."""
    if plan.interpreter != cache_tag:
        raise UsageError(
            f"the plan was made for {plan.interpreter}, and this interpreter is {cache_tag}: their bytecode differs",
            slug="plan-wrong-interpreter",
            hint=f"Name an interpreter that is {plan.interpreter} with `meterize --python PATH`, or analyze again.",
        )


def _plan(table: Table, interpreter: str, path: Path) -> HookPlan:
    selection_table = table.table("selection")
    slice_table = table.table("slice")
    selection = _selection(selection_table)
    feature_tests = frozenset(selection.feature_tests)
    against = table.texts("against") if table.has("against") else ()
    plan = HookPlan(
        package=table.text("package"),
        distribution=table.text("distribution"),
        version=table.text("version"),
        interpreter=interpreter,
        feature=table.text("name"),
        charge=Charge(table.one_of("charge", Charge)),
        policy=table.policy("policy"),
        with_command=table.text("with"),
        without_command=table.text("without", empty=bool(against)),
        cwd=_cwd(table.text("cwd"), path),
        selection=selection,
        intersection=slice_table.number("intersection"),
        union=slice_table.number("union"),
        slice_functions=slice_table.texts("functions"),
        hook_points=read_hook_points(table.tables("hook_point"), feature_tests),
        alternatives=tuple(read_alternative(each) for each in table.tables("alternative", least=0)),
        against=against,
        guidance=read_guidance(table),
        warnings=table.texts("warnings"),
    )
    for used in (table, selection_table, slice_table):
        used.refuse_leftovers()
    return plan


def _cwd(given: str, path: Path) -> str:
    """The folder of the commands: relative to the plan's own, unless it is absolute."""
    return given if given.startswith("/") else os.path.normpath(path.resolve().parent / given)


def _selection(table: Table) -> Selection:
    selection = Selection(
        feature_tests=table.texts("feature_tests"),
        rest_tests=table.texts("rest_tests"),
        moved_to_feature=table.texts("moved_to_feature"),
        moved_to_rest=table.texts("moved_to_rest"),
        outside=Side(table.one_of("outside", Side)) if table.has("outside") else Side.REST,
    )
    require_known(table, "moved_to_feature", selection.moved_to_feature, frozenset(selection.feature_tests))
    require_known(table, "moved_to_rest", selection.moved_to_rest, frozenset(selection.rest_tests))
    return selection
