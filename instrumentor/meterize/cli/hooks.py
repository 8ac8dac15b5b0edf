"""``meterize hooks``: what the hooks of running processes do now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from meterize.pipeline.usage import hooks as read
from meterize.spool import LiveProcess

from . import output

TIME = "%Y-%m-%dT%H:%M:%SZ"


@click.command()
@click.option("--spool", type=click.Path(file_okay=False, path_type=Path),
              help="Where metered processes write.  [default: $METERIZE_SPOOL, else under the XDG state folder]")  # fmt: skip
@output.json_option
def hooks(spool: Path | None, as_json: bool) -> None:
    """Show what the hooks of running processes do: count, wait, sleep, or have gone. The processes are not touched.

    \b
    Example:
      meterize hooks
    """
    folder, processes, problems = read(spool)
    if as_json:
        output.print_json(as_mapping(folder, processes, problems))
    else:
        _show(folder, processes)
        output.warn(tuple(problems))


def as_mapping(folder: Path, processes: Sequence[LiveProcess], problems: Sequence[str]) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "spool": str(folder),
        "processes": [
            {
                "pid": process.header.pid,
                "host": process.header.host,
                "incarnation": process.header.incarnation,
                "since": process.header.made.strftime(TIME),
                "hooks": [
                    {
                        "hook": hook.id,
                        "feature": hook.feature,
                        "package": hook.package,
                        "policy": hook.policy,
                        "state": hook.state.value,
                        "uses": hook.uses,
                        "reason": hook.reason,
                    }
                    for hook in process.hooks
                ],
            }
            for process in processes
        ],
        "problems": list(problems),
    }


def _show(folder: Path, processes: Sequence[LiveProcess]) -> None:
    console = output.stdout()
    if not processes:
        console.print(f"No process counts in {escape(str(folder))} now.", soft_wrap=True)
        return
    table = Table(title="Hooks of running processes", title_justify="left")
    for column in ("process", "hook", "policy", "state"):
        table.add_column(column)
    table.add_column("uses", justify="right")
    for process in processes:
        for hook in process.hooks:
            state = f"{hook.state} ({hook.reason})" if hook.reason else hook.state.value
            table.add_row(str(process.header.pid), escape(hook.id), escape(hook.policy), escape(state), f"{hook.uses:,}")
    console.print(table)
