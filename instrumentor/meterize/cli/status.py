"""``meterize status``: what is metered here, and whether it still is as it was left."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from meterize.model.report import FeatureProof, PackageStatus, Proven
from meterize.pipeline.status import status as look
from meterize.pipeline.target import Target
from meterize.pipeline.usage import unmetered as read_unmetered

from . import output
from .completion import complete_metered
from .usage_view import unmetered_mapping, warn_of_unmetered

FINDINGS = 1


@click.command()
@click.argument("package", required=False, shell_complete=complete_metered)
@output.json_option
@click.pass_obj
def status(target: Target, package: str | None, as_json: bool) -> int:
    """Show what is metered here (or of PACKAGE), by which plan, and whether each file is still as meterize left it.

    Also what processes could not meter, as their files in the spool say: uses for which there was no room, hooks that could
    not be armed.

    Exit code 1 if something keeps hooks from working, or uses from being written down: an upgrade, a recompile, a touched
    source, an environment setting.

    \b
    Example:
      meterize status tablib
    """
    found = look(package, target=target)
    names = {each.manifest.distribution for each in found}
    # The spool is of all environments of this user: what their packages lost, `usage` tells.
    unmetered = [lost for lost in read_unmetered() if found and lost.package in {"", *names}]
    if as_json:
        lost = [unmetered_mapping(each) for each in unmetered]
        output.print_json({"packages": [as_mapping(each) for each in found], "unmetered": lost})
    elif found:
        for each in found:
            _show(each)
    else:
        output.stdout().print("Nothing is metered here.")
    if not as_json:
        warn_of_unmetered(unmetered)
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
            {
                "feature": plan.feature,
                "policy": plan.policy.value,
                "plan": plan.plan_path,
                "hooks": len(plan.hook_points),
                "evidence": {
                    "state": proof.state.value,
                    "path": str(proof.path),
                    "verdict": proof.verdict or None,
                    "time": proof.time or None,
                    "digest": proof.digest or None,
                    "differs": proof.differs or None,
                },
            }
            for plan, proof in zip(manifest.plans, found.proofs, strict=True)
        ],
        "files": [
            {
                "file": file.pyc,
                "source": file.source,
                "optimization": file.optimization,
                "state": file.condition.value,
                "metered": file.metered,
                "meaning": file.meaning,
                "advice": file.advice and output.as_typed(file.advice),
            }
            for file in found.files
        ],
        "notices": [{"slug": n.slug, "meaning": n.meaning, "advice": output.as_typed(n.advice)} for n in found.notices],
    }


_UNPROVEN = {
    Proven.NONE: "no verdict yet: meterize verify PLAN",
    Proven.OTHER_PLAN: "the verdict beside the plan is of another plan{}: verify again",
    Proven.OTHER_BYTES: "the verdict beside the plan is of other code than runs here{}: verify again",
    Proven.UNREADABLE: "the verdict beside the plan cannot be read: verify again",
}


def _proof(proof: FeatureProof) -> str:
    if proof.state is not Proven.CURRENT:
        differs = f", which differs in {proof.differs}" if proof.differs else ""
        return f"[yellow]{escape(_UNPROVEN[proof.state].format(differs))}[/]"
    style = "green" if proof.verdict == "passed" else "red"
    return f"verdict [{style}]{proof.verdict}[/] for this plan and these files, {escape(proof.time)}"


def _show(found: PackageStatus) -> None:
    console = output.stdout()
    manifest = found.manifest
    verdict = "[green]as it was left[/]" if found.intact else "[red]not as it was left[/]"
    console.print(
        f"[bold]{escape(manifest.distribution)} {escape(manifest.version)}[/] [dim]{escape(str(found.site))}[/]: {verdict}"
    )
    for plan, proof in zip(manifest.plans, found.proofs, strict=True):
        places = ", ".join(sorted({f"{point.code.qualname}:{point.line}" for point in plan.hook_points}))
        console.print(f"  feature [cyan]{escape(plan.feature)}[/], policy {plan.policy.value}: {escape(places)}")
        console.print(f"  [dim]by {escape(plan.plan_path)}[/]", soft_wrap=True)
        console.print(f"  {_proof(proof)}", soft_wrap=True)
    table = Table(box=None, padding=(0, 2), show_header=False)
    for file in found.files:
        sign = "[green]✓[/]" if file.metered else "[red]✗[/]"
        table.add_row(sign, escape(PurePosixPath(file.pyc).name), escape(file.meaning))
    console.print(table)
    advice = [file.advice for file in found.files if file.advice]
    advice += [f"{notice.meaning} {notice.advice}" for notice in found.notices]
    for sentence in dict.fromkeys(advice):
        console.print(f"  [yellow]→[/] {escape(output.as_typed(sentence))}", soft_wrap=True)
