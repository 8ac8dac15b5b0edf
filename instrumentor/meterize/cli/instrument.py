"""``meterize instrument``: put a plan's hooks into the installed package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem
from rich.markup import escape
from rich.table import Table

from meterize.model.feature import Policy
from meterize.model.report import Instrumentation
from meterize.pipeline.metering.instrument import instrument as put_in
from meterize.pipeline.target import Target

from . import output
from .change_view import show_changes
from .completion import complete_plans


class PolicyText(click.ParamType["Policy"]):
    """A policy, as plans say it."""

    name = "policy"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Policy:
        """Refuses what is none, with the forms that there are."""
        try:
            return value if isinstance(value, Policy) else Policy(str(value))
        except ValueError:
            ranges = "A window is 1 to 999999 s, m, h or d long; `first` counts 1 to 999999999 uses."
            self.fail(f"{value!r} is none of {', '.join(Policy.FORMS)}. {ranges}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        """The forms that begin so."""
        return [CompletionItem(form) for form in Policy.FORMS if form.startswith(incomplete)]


@click.command()
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path), shell_complete=complete_plans)
@click.option("--policy", type=PolicyText(), metavar="POLICY",
              help="once, every, once-per-subject, once-per-window=1h (s, m, h, d) or first=100: what each process counts "
                   "before a hook goes away; with every it stays.  [default: as in PLAN]")  # fmt: skip
@click.option("--feature", "features", multiple=True, metavar="NAME",
              help="Only this feature of PLAN; may be given several times.  [default: all]")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Change nothing; show the bytecode before and after, side by side.")
@output.json_option
@click.pass_obj
def instrument(
    target: Target, plan: Path, policy: Policy | None, features: tuple[str, ...], dry_run: bool, as_json: bool
) -> None:
    """Rewrite the bytecode of the packages that PLAN is for, all or nothing. Their source is never touched.

    Another version of a package than the one that PLAN was made for is fine where the hooked code is the same; if it is not,
    nothing is done, and the error lists what changed.

    \b
    Example:
      meterize instrument tablib.xlsx.plan.toml --policy every
    """
    done = put_in(plan, target=target, policy=policy, features=features, dry_run=dry_run)
    if as_json:
        answers = [as_mapping(each) for each in done]
        output.print_json(answers[0] if len(answers) == 1 else {"features": answers})
        return
    for each in done:
        _show(each)
    if any(each.changed for each in done) and not done[0].dry_run:
        output.say("[dim]Processes that start from now on are metered; restart the running ones.[/]")


def as_mapping(done: Instrumentation) -> dict[str, Any]:
    """The JSON answer for one feature."""
    return {
        "package": {
            "name": done.package.import_name,
            "distribution": done.package.distribution,
            "version": done.package.version,
        },
        "feature": done.feature,
        "policy": done.policy.value,
        "dry_run": done.dry_run,
        "changed": done.changed,
        "files": list(done.files),
        "hooks": [
            {
                "id": hook.id,
                "file": hook.file,
                "qualname": hook.qualname,
                "line": hook.line,
                "mechanism": hook.mechanism,
                "missing_at": list(hook.missing_at),
            }
            for hook in done.hooks
        ],
        "changes": [
            {"file": c.file, "qualname": c.qualname, "before": list(c.before), "after": list(c.after)} for c in done.changes
        ],
        "warnings": list(done.warnings),
    }


def _show(done: Instrumentation) -> None:
    console = output.stdout()
    output.warn(done.warnings)
    show_changes(console, done.changes)
    table = Table(title=f"{done.package.distribution} {done.package.version}, feature {done.feature}", title_justify="left")
    for column in ("hook", "place", "notices by"):
        table.add_column(column)
    for hook in done.hooks:
        place = f"{escape(hook.qualname)}\n[dim]{escape(hook.file)}:{hook.line}[/]"
        table.add_row(f"[bold magenta]{escape(hook.id)}[/]", place, hook.mechanism)
    console.print(table)
    files = ", ".join(done.files)
    if done.dry_run:
        console.print(f"Dry run: nothing was changed. It would rewrite the bytecode of {escape(files)}.", soft_wrap=True)
    elif done.changed:
        console.print(
            f"Metered ([bold]{done.policy.value}[/]): the bytecode of {escape(files)}. No source was touched.", soft_wrap=True
        )
    else:
        console.print("Metered already by this very plan: nothing was changed.")
