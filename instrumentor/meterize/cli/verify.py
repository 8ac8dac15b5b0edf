"""``meterize verify``: both suites again, on the metered package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from meterize.model.report import SuiteRun, Verdict
from meterize.pipeline import Target
from meterize.pipeline import verify as check

from . import output
from .options import timeout_option

FINDINGS = 1
SHOWN_TESTS = 8


@click.command()
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path))
@timeout_option
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
        "package": {
            "name": verdict.plan.package,
            "distribution": verdict.package.distribution,
            "version": verdict.package.version,
        },
        "feature": verdict.plan.feature,
        "plan": str(verdict.plan_path),
        "feature_tests": {"total": verdict.feature.total, "fired": verdict.feature.fired, "silent": list(verdict.feature.odd)},
        "rest_tests": {"total": verdict.rest.total, "fired": verdict.rest.fired, "firing": list(verdict.rest.odd)},
        "suites": {"with": _suite(verdict.with_suite), "without": _suite(verdict.without_suite)},
        "reasons": list(verdict.reasons),
        "warnings": list(verdict.warnings),
    }


def _suite(suite: SuiteRun) -> dict[str, Any]:
    return {"command": suite.command, "exit_code": suite.exit_code, "passed": suite.exit_code == 0, "seconds": suite.seconds}


def _show(verdict: Verdict) -> None:
    console = output.stdout()
    table = Table(title=f"{verdict.plan.distribution}, feature {verdict.plan.feature}", title_justify="left")
    table.add_column("tests of")
    for column in ("all", "fired", "should", "uses"):
        table.add_column(column, justify="right")
    for name, group, wanted in (("the feature", verdict.feature, "all"), ("the rest", verdict.rest, "none")):
        style = "red" if group.odd else "green"
        table.add_row(name, str(group.total), f"[{style}]{group.fired}[/]", wanted, str(sum(group.uses.values())))
    console.print(table)
    for name, suite in (("with", verdict.with_suite), ("without", verdict.without_suite)):
        passes = "[green]passes[/]" if suite.exit_code == 0 else f"[red]fails ({suite.exit_code})[/]"
        console.print(f"The --{name} suite {passes} on the metered package.")
    for reason in verdict.reasons:
        console.print(f"[red]✗[/] {escape(reason)}", soft_wrap=True)
    for group, what in ((verdict.feature, "did not fire"), (verdict.rest, "fired")):
        for test in group.odd[:SHOWN_TESTS]:
            console.print(f"  [red]{what}:[/] {escape(test)}", soft_wrap=True)
        if (more := len(group.odd) - SHOWN_TESTS) > 0:
            console.print(f"  … and {more} more that {what} (--json lists all)")
    output.warn(verdict.warnings)
    console.print("Verdict: [bold green]passed[/]" if verdict.passed else "Verdict: [bold red]failed[/]")
