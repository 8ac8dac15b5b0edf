"""How an analysis is shown: as JSON, and to people."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from meterize.model.feature import Policy
from meterize.model.report import Analysis

from . import output
from .source_view import show_groups, show_sources

SHOWN_FUNCTIONS = 6
SHOWN_TESTS = 4


def as_mapping(found: Analysis) -> dict[str, Any]:
    """The JSON answer for one feature."""
    plan = found.plan
    return {
        "package": {"name": plan.package, "distribution": plan.distribution, "version": plan.version},
        "feature": plan.feature,
        "plan": str(found.plan_path),
        "replaced": found.replaced,
        "kept_runs": [
            {"suite": name, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))} for name, at in found.kept.items()
        ],
        "html": None if found.page_path is None else str(found.page_path),
        "selection": {
            "feature_tests": list(plan.selection.feature_tests),
            "rest_tests": list(plan.selection.rest_tests),
            "moved_to_feature": list(plan.selection.moved_to_feature),
            "moved_to_rest": list(plan.selection.moved_to_rest),
            "outside": plan.selection.outside.value,
        },
        "slice": {
            "intersection": plan.intersection,
            "union": plan.union,
            "functions": [
                {"file": f.file, "qualname": f.qualname, "line": f.line, "unique": f.unique, "total": f.total}
                for f in found.functions
            ],
        },
        "hook_points": [
            {
                "id": point.id,
                "file": point.code.file,
                "qualname": point.code.qualname,
                "line": point.line,
                "why": point.why,
                "covers": list(point.covers),
                "fires": {"once": point.fires.once, "more": point.fires.more, "unknown": point.fires.unknown},
                "unproven": list(point.unproven),
            }
            for point in plan.hook_points
        ],
        "alternatives": [
            {
                "file": one.code.file,
                "qualname": one.code.qualname,
                "line": one.line,
                "feature_tests": one.feature_tests,
                "rest_tests": one.rest_tests,
                "why_not": one.why_not,
            }
            for one in plan.alternatives
        ],
        "warnings": list(found.warnings),
        "advice": output.as_typed(found.advice) or None,
    }


def show(found: Sequence[Analysis]) -> None:
    """Each feature, and the plan that holds them."""
    for each in found:
        _show_feature(each)
    path = str(found[0].plan_path)
    replaced = " (in the place of the plan that was there before)" if found[0].replaced else ""
    output.stdout().print(f"Plan: [bold]{escape(path)}[/]{replaced}", soft_wrap=True)
    for advice in dict.fromkeys(each.advice for each in found if each.advice):
        output.say(f"[bold yellow]First:[/] {escape(advice)}")
    is_once = any(each.plan.policy == Policy.ONCE for each in found)
    counted = " (policy once: counts a process's first use; --policy every: each)" * is_once
    output.say(f"[dim]Review it, then: meterize instrument {escape(shlex.quote(path))}{counted}[/]")


def _show_feature(found: Analysis) -> None:
    console = output.stdout()
    plan = found.plan
    tests = plan.selection
    console.print(
        f"[bold]{escape(plan.distribution)} {escape(plan.version)}[/], feature [bold cyan]{escape(plan.feature)}[/]: "
        f"{len(tests.feature_tests)} feature tests, {len(tests.rest_tests)} rest tests; "
        f"{plan.union} instructions are the feature's own, {plan.intersection} of them in every feature test",
        soft_wrap=True,
    )
    for name, at in found.kept.items():
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
        console.print(
            f"[yellow]--{name} did not run now[/]: it is taken from its run of [bold]{when}[/], since which nothing seems to"
            " have changed (--no-cache runs it again)",
            soft_wrap=True,
        )
    for moved, side in ((tests.moved_to_feature, "feature"), (tests.moved_to_rest, "rest")):
        if moved:
            names = ", ".join(moved[:SHOWN_TESTS]) + (" …" if len(moved) > SHOWN_TESTS else "")
            console.print(
                f"{len(moved)} test{'s' * (len(moved) != 1)} moved to the {side}, by what they execute: {escape(names)}",
                soft_wrap=True,
            )
    console.print(_functions_table(found))
    show_sources(console, found)
    show_groups(console, found)
    console.print(_points_table(found))
    output.warn(tuple(warning for warning in found.warnings if warning != found.advice))
    if found.page_path is not None:
        console.print(f"Page: [bold]{escape(str(found.page_path))}[/]", soft_wrap=True)


def _functions_table(found: Analysis) -> Table:
    table = Table(title="Functions that hold the feature's own code", title_justify="left")
    table.add_column("function", overflow="fold")  # a name that is cut cannot be copied
    table.add_column("file", style="dim", overflow="fold")
    table.add_column("own / all", justify="right")
    table.add_column("")
    for function in found.functions[:SHOWN_FUNCTIONS]:
        share = function.unique / function.total
        bar = Text("█" * round(share * 12), style="green") + Text("·" * (12 - round(share * 12)), style="dim")
        place = f"{function.file}:{function.line}"
        table.add_row(escape(function.qualname), escape(place), f"{function.unique} / {function.total}", bar)
    if (more := len(found.functions) - SHOWN_FUNCTIONS) > 0:
        table.add_row(f"[dim]… and {more} more[/]", "", "", "")
    return table


def _points_table(found: Analysis) -> Table:
    total = len(found.plan.selection.feature_tests)
    table = Table(title="Hook points: where one use is noticed", title_justify="left")
    table.add_column("hook", style="bold magenta", overflow="fold")
    table.add_column("place", overflow="fold")
    table.add_column("covers", justify="right")
    table.add_column("why")
    for point in found.plan.hook_points:
        place = f"{point.code.qualname}\n[dim]{point.code.file}:{point.line}[/]"
        table.add_row(escape(point.id), place, f"{len(point.covers)} of {total}", escape(point.why))
    return table
