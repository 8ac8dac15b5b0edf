"""``meterize status``: what is metered here, and whether it still is as it was left."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from meterize.model.report import PackageStatus
from meterize.pipeline import Target
from meterize.pipeline import status as look

from . import output
from .completion import complete_packages

FINDINGS = 1


@click.command()
@click.argument("package", required=False, shell_complete=complete_packages)
@output.json_option
@click.pass_obj
def status(target: Target, package: str | None, as_json: bool) -> int:
    """Show what is metered here (or of PACKAGE), by which plan, and whether each file is still as meterize left it.

    Exit code 1 if something keeps hooks from working: an upgrade, a recompile, a touched source, an environment setting.

    \b
    Example:
      meterize status tablib
    """
    found = look(package, target=target)
    if as_json:
        output.print_json({"packages": [as_mapping(each) for each in found]})
    elif found:
        for each in found:
            _show(each)
    else:
        output.stdout().print("Nothing is metered here.")
    return 0 if all(each.intact for each in found) else FINDINGS


def as_mapping(found: PackageStatus) -> dict[str, Any]:
    """The JSON answer for one package."""
    manifest = found.manifest
    return {
        "name": manifest.package,
        "distribution": manifest.distribution,
        "version": manifest.version,
        "site": str(found.site),
        "intact": found.intact,
        "features": [
            {"feature": p.feature, "policy": p.policy.value, "plan": p.plan_path, "hooks": len(p.hook_points)}
            for p in manifest.plans
        ],
        "files": [
            {
                "file": file.pyc,
                "source": file.source,
                "optimization": file.optimization,
                "state": file.condition.value,
                "metered": file.metered,
                "meaning": file.meaning,
                "advice": file.advice,
            }
            for file in found.files
        ],
        "notices": [{"slug": n.slug, "meaning": n.meaning, "advice": n.advice} for n in found.notices],
    }


def _show(found: PackageStatus) -> None:
    console = output.stdout()
    manifest = found.manifest
    verdict = "[green]as it was left[/]" if found.intact else "[red]not as it was left[/]"
    console.print(
        f"[bold]{escape(manifest.distribution)} {escape(manifest.version)}[/] [dim]{escape(str(found.site))}[/]: {verdict}"
    )
    for plan in manifest.plans:
        places = ", ".join(sorted({f"{point.code.qualname}:{point.line}" for point in plan.hook_points}))
        console.print(f"  feature [cyan]{escape(plan.feature)}[/], policy {plan.policy.value}: {escape(places)}")
        console.print(f"  [dim]by {escape(plan.plan_path)}[/]", soft_wrap=True)
    table = Table(box=None, padding=(0, 2), show_header=False)
    for file in found.files:
        sign = "[green]✓[/]" if file.metered else "[red]✗[/]"
        table.add_row(sign, escape(PurePosixPath(file.pyc).name), escape(file.meaning))
    console.print(table)
    advice = [file.advice for file in found.files if file.advice]
    advice += [f"{notice.meaning} {notice.advice}" for notice in found.notices]
    for sentence in dict.fromkeys(advice):
        console.print(f"  [yellow]→[/] {escape(sentence)}", soft_wrap=True)
