"""``meterize strip``: everything as it was, byte for byte."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from meterize.model.manifest import StripReport
from meterize.pipeline.metering.strip import strip as take_out
from meterize.pipeline.metering.strip import strip_all
from meterize.pipeline.target import Target

from . import output
from .completion import complete_metered

FINDINGS = 1


@click.command()
@click.argument("package", required=False, shell_complete=complete_metered)
@click.option("--all", "everything", is_flag=True, help="Strip every metered package of the environment.")
@output.json_option
@click.pass_obj
def strip(target: Target, package: str | None, everything: bool, as_json: bool) -> int:
    """Take all hooks out of PACKAGE: every byte and time stamp as it was, checked by digest.

    Exit code 1 if a file was left alone because somebody else has changed it since.

    \b
    Example:
      meterize strip tablib
    """
    if everything == (package is not None):
        raise click.UsageError("give either a PACKAGE or --all")
    reports = strip_all(target=target) if package is None else (take_out(package, target=target),)
    if as_json:
        output.print_json({"packages": [as_mapping(report) for report in reports]})
    elif reports:
        for report in reports:
            _show(report)
    else:
        output.stdout().print("Nothing is metered here.")
    return 0 if all(report.identical for report in reports) else FINDINGS


def as_mapping(report: StripReport) -> dict[str, Any]:
    """The JSON answer for one package."""
    return {
        "distribution": report.distribution,
        "identical": report.identical,
        "restored": list(report.restored),
        "removed": list(report.removed),
        "left": [{"file": left.path, "reason": left.reason} for left in report.left],
        "runtime_removed": report.runtime_removed,
        "notes": list(report.notes),
    }


def _show(report: StripReport) -> None:
    console = output.stdout()
    output.warn(report.notes)
    name = f"[bold]{escape(report.distribution)}[/]"
    if report.identical:
        done = [f"{len(report.restored)} restored"] * bool(report.restored)
        done += [f"{len(report.removed)} removed that did not exist before"] * bool(report.removed)
        console.print(
            f"{name}: stripped. Every byte, mode and time stamp is as it was, checked by digest (files: {', '.join(done)}).",
            soft_wrap=True,
        )
    else:
        console.print(f"{name}: stripped, but not everything is as it was:")
    for left in report.left:
        console.print(f"  [yellow]left[/] {escape(left.path)}: {escape(left.reason)}", soft_wrap=True)
    if report.runtime_removed:
        console.print(
            "  The runtime meterize_hooks went with its last user: what imports it by name, such as a middleware, needs it.",
            soft_wrap=True,
        )
