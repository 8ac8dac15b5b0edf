"""``meterize verify``: both suites again, on the metered package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from meterize.model.report import SuiteVerdict, Verdict
from meterize.pipeline import Target
from meterize.pipeline import verify as check

from . import output

FINDINGS = 1
SHOWN_TESTS = 8


@click.command()
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="End a suite that runs longer.")
@output.json_option
@click.pass_obj
def verify(target: Target, plan: Path, timeout: float | None, as_json: bool) -> int:
    """Prove PLAN on the metered package: every feature test fires, no rest test does, and both suites still pass.

    The tests' uses are counted apart and never reach a bill. Exit code 1 if the verdict is "failed".

    \b
    Example:
      meterize verify tablib.xlsx.plan.toml
    """
    with output.progress(as_json=as_json) as progress:
        verdict = check(plan, target=target, timeout=timeout, progress=progress)
    if as_json:
        output.print_json(as_mapping(verdict))
    else:
        _show(verdict)
    return 0 if verdict.passed else FINDINGS


def as_mapping(verdict: Verdict) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "verdict": "passed" if verdict.passed else "failed",
        "package": {"name": verdict.plan.package, "version": verdict.package.version},
        "feature": verdict.plan.feature,
        "plan": str(verdict.plan_path),
        "feature_tests": {"total": verdict.feature.total, "fired": verdict.feature.fired, "silent": list(verdict.feature.odd)},
        "rest_tests": {"total": verdict.rest.total, "fired": verdict.rest.fired, "firing": list(verdict.rest.odd)},
        "suites": {"with": _suite(verdict.feature), "without": _suite(verdict.rest)},
        "reasons": list(verdict.reasons),
        "warnings": list(verdict.warnings),
    }


def _suite(suite: SuiteVerdict) -> dict[str, Any]:
    return {"command": suite.command, "exit_code": suite.exit_code, "passed": suite.exit_code == 0, "seconds": suite.seconds}


def _show(verdict: Verdict) -> None:
    console = output.stdout()
    table = Table(title=f"{verdict.plan.distribution}, feature {verdict.plan.feature}", title_justify="left")
    for column in ("suite", "passes", "tests", "fired", "should"):
        table.add_column(column, justify="left" if column == "suite" else "right")
    for name, suite, wanted in (("feature", verdict.feature, "all"), ("rest", verdict.rest, "none")):
        style = "red" if suite.odd else "green"
        passes = "[green]yes[/]" if suite.exit_code == 0 else f"[red]no ({suite.exit_code})[/]"
        table.add_row(name, passes, str(suite.total), f"[{style}]{suite.fired}[/]", wanted)
    console.print(table)
    for reason in verdict.reasons:
        console.print(f"[red]✗[/] {escape(reason)}", soft_wrap=True)
    for suite, what in ((verdict.feature, "did not fire"), (verdict.rest, "fired")):
        for test in suite.odd[:SHOWN_TESTS]:
            console.print(f"  [red]{what}:[/] {escape(test)}", soft_wrap=True)
        if (more := len(suite.odd) - SHOWN_TESTS) > 0:
            console.print(f"  … and {more} more that {what} (--json lists all)")
    output.warn(verdict.warnings)
    console.print("Verdict: [bold green]passed[/]" if verdict.passed else "Verdict: [bold red]failed[/]")
