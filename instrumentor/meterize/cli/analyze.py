"""``meterize analyze``: find a feature's own instructions and the places that notice one use."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from meterize.errors import UsageError
from meterize.model.feature import Charge, Feature, Guidance
from meterize.model.report import Analysis
from meterize.pipeline import Target
from meterize.pipeline import analyze as find
from meterize.refining import Refinement, explain

from . import output
from .completion import complete_packages
from .options import timeout_option
from .source_view import show_groups, show_sources

SHOWN_FUNCTIONS = 6
SHOWN_TESTS = 4


@click.command()
@click.argument("package", shell_complete=complete_packages)
@click.option("--feature", "name", required=True, metavar="NAME", help="A name for the feature; it stands in plans and bills.")
@click.option("--with", "with_command", required=True, metavar="CMD", help="Runs the tests that use the feature.")
@click.option("--without", "without_command", required=True, metavar="CMD", help="Runs the tests of everything else.")
@click.option(
    "--cwd", type=click.Path(file_okay=False, exists=True, path_type=Path), default=".", help="Run both commands here."
)
@click.option(
    "--plan", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan here [PACKAGE.FEATURE.plan.toml]."
)
@click.option("--charge", type=click.Choice([c.value for c in Charge]), default=Charge.ON_ENTRY.value, show_default=True,
              help="Count a use when it begins, or when it has succeeded.")  # fmt: skip
@click.option("--refine/--no-refine", default=None,
              help="Sort tests by what they execute, if that differs.  [default: ask on a terminal, else don't]")  # fmt: skip
@click.option(
    "--at", multiple=True, metavar="MODULE:QUALNAME[:LINE]", help="Hook this place, whatever else there is; repeat it for more."
)
@click.option(
    "--exclude", multiple=True, metavar="MODULE[:QUALNAME]", help="Leave these functions alone (* stands for anything)."
)
@click.option("--max-hooks", type=click.IntRange(min=1), metavar="N", help="At most so many hook points.")
@timeout_option
@click.option("--data", type=click.Path(dir_okay=False, path_type=Path), help="Keep what ran as a coverage.py data file.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write all evidence as one HTML page.")
@output.json_option
@click.pass_obj
def analyze(
    target: Target,
    package: str,
    name: str,
    with_command: str,
    without_command: str,
    cwd: Path,
    plan: Path | None,
    charge: str,
    at: tuple[str, ...],
    exclude: tuple[str, ...],
    max_hooks: int | None,
    timeout: float | None,
    data: Path | None,
    page: Path | None,
    refine: bool | None,
    as_json: bool,
) -> None:
    """Find the code of one feature of PACKAGE and choose where to notice its use.

    PACKAGE is an import or distribution name. CMD is any shell command that runs tests: pytest, unittest, a script.

    \b
    Example:
      meterize analyze tablib --feature xlsx \\
        --with 'python -m pytest tests -k xlsx' --without 'python -m pytest tests -k "not xlsx"'
    """
    feature = Feature(
        name=name,
        with_command=with_command,
        without_command=without_command,
        cwd=_existing(cwd),
        charge=Charge(charge),
        guidance=Guidance(at=at, exclude=exclude, max_hooks=max_hooks),
    )
    with output.progress(as_json=as_json) as progress:
        found = find(
            package,
            feature,
            target=target,
            plan_path=plan,
            data_path=data,
            page_path=page,
            timeout=timeout,
            accept=partial(_may_move, refine, progress, as_json),
            progress=progress,
        )
    if as_json:
        output.print_json(as_mapping(found))
    else:
        _show(found)


def _existing(cwd: Path) -> Path:
    try:
        return cwd.resolve(strict=True)
    except OSError as error:  # the working folder itself has been removed
        raise UsageError(
            f"the folder to run the tests in is not there: {cwd}", slug="cwd-missing", hint="Name an existing folder (--cwd)."
        ) from error


def _may_move(refine: bool | None, progress: output.Reporter, as_json: bool, refinement: Refinement) -> bool:
    """Whether to move the tests that sit on the wrong side: as was said, else as the person at the terminal says."""
    if refine is not None or as_json or not sys.stdin.isatty() or not sys.stderr.isatty():
        return bool(refine)
    progress.close()
    for sentence in explain(refinement):
        output.say(f"[yellow]●[/] {escape(sentence)}")
    return click.confirm("Sort these tests by what they execute?", default=True, err=True)


def as_mapping(found: Analysis) -> dict[str, Any]:
    """The JSON answer."""
    plan = found.plan
    return {
        "package": {"name": plan.package, "distribution": plan.distribution, "version": plan.version},
        "feature": plan.feature,
        "plan": str(found.plan_path),
        "replaced": found.replaced,
        "html": None if found.page_path is None else str(found.page_path),
        "selection": {
            "feature_tests": list(plan.selection.feature_tests),
            "rest_tests": list(plan.selection.rest_tests),
            "moved_to_feature": list(plan.selection.moved_to_feature),
            "moved_to_rest": list(plan.selection.moved_to_rest),
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
    }


def _show(found: Analysis) -> None:
    console = output.stdout()
    plan = found.plan
    tests = plan.selection
    console.print(
        f"[bold]{escape(plan.distribution)} {escape(plan.version)}[/], feature [bold cyan]{escape(plan.feature)}[/]: "
        f"{len(tests.feature_tests)} feature tests, {len(tests.rest_tests)} rest tests; "
        f"{plan.union} instructions are the feature's own, {plan.intersection} of them in every feature test",
        soft_wrap=True,
    )
    for moved, side in ((tests.moved_to_feature, "feature"), (tests.moved_to_rest, "rest")):
        if moved:
            names = ", ".join(moved[:SHOWN_TESTS]) + (" …" if len(moved) > SHOWN_TESTS else "")
            console.print(f"{len(moved)} tests moved to the {side}, by what they execute: {escape(names)}", soft_wrap=True)
    console.print(_functions_table(found))
    show_sources(console, found)
    show_groups(console, found)
    console.print(_points_table(found))
    output.warn(found.warnings)
    replaced = " (in the place of the plan that was there before)" if found.replaced else ""
    console.print(f"Plan: [bold]{escape(str(found.plan_path))}[/]{replaced}", soft_wrap=True)
    if found.page_path is not None:
        console.print(f"Page: [bold]{escape(str(found.page_path))}[/]", soft_wrap=True)
    output.say(f"[dim]Review it, then: meterize instrument {escape(shlex.quote(str(found.plan_path)))}[/]")


def _functions_table(found: Analysis) -> Table:
    table = Table(title="Functions that hold the feature's own code", title_justify="left")
    table.add_column("function")
    table.add_column("file", style="dim")
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
    table.add_column("hook", style="bold magenta")
    table.add_column("place")
    table.add_column("covers", justify="right")
    table.add_column("why")
    for point in found.plan.hook_points:
        place = f"{point.code.qualname}\n[dim]{point.code.file}:{point.line}[/]"
        table.add_row(escape(point.id), place, f"{len(point.covers)} of {total}", escape(point.why))
    return table
