"""``meterize usage``: who used what, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from meterize.pipeline.usage import usage as read
from meterize.spool import Unmetered, Usage

from . import output


@click.command()
@click.option("--spool", type=click.Path(file_okay=False, path_type=Path),
              help="Where metered processes write.  [default: $METERIZE_SPOOL, else under the XDG state folder]")  # fmt: skip
@output.json_option
def usage(spool: Path | None, as_json: bool) -> None:
    """Show uses by feature and subject, and on which host where there are several, from the spool.

    Counts are sums since each process began; "since" is when the first of them did, "until" when the last changed its
    counts, as the file system knows it.

    \b
    Example:
      meterize usage
    """
    folder, found = read(spool)
    if as_json:
        output.print_json(as_mapping(folder, found))
    else:
        _show(folder, found)


def as_mapping(folder: Path, found: Usage) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "spool": str(folder),
        "uses": [
            {
                "feature": total.feature,
                "package": total.package,
                "subject": total.subject,
                "host": total.host,
                "uses": total.uses,
                "processes": total.processes,
                "since": _zulu(total.since),
                "until": _zulu(total.until),
            }
            for total in found.totals
        ],
        "total": sum(total.uses for total in found.totals),
        "unmetered": [unmetered_mapping(lost) for lost in found.unmetered],
        "problems": list(found.problems),
    }


def unmetered_mapping(lost: Unmetered) -> dict[str, Any]:
    """The JSON of something that processes could not meter."""
    return {"reason": lost.reason, "package": lost.package, "feature": lost.feature, "hook": lost.hook, "count": lost.count}


def warn_of_unmetered(losses: Sequence[Unmetered]) -> None:
    """A line for each."""
    for lost in losses:
        what = " ".join(part for part in (lost.package, lost.feature, lost.hook) if part)
        output.warn((f"not metered {lost.count}×: {lost.reason} {what}".rstrip(),))


def _zulu(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _minute(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M")


def _show(folder: Path, found: Usage) -> None:
    console = output.stdout()
    if found.totals:
        table = Table(title="Uses", title_justify="left")
        several = len({total.host for total in found.totals}) > 1
        for column in ("package", "feature", "subject", *(["host"] if several else []), "since (UTC)", "until (UTC)"):
            table.add_column(column)
        table.add_column("uses", justify="right")
        for total in found.totals:
            who = "[dim](unknown)[/]" if total.subject is None else escape(total.subject)
            where = [escape(total.host)] if several else []
            times = (_minute(total.since), _minute(total.until))
            table.add_row(escape(total.package), escape(total.feature), who, *where, *times, f"{total.uses:,}")
        console.print(table)
    else:
        console.print(f"No uses in {escape(str(folder))}.", soft_wrap=True)
    warn_of_unmetered(found.unmetered)
    output.warn(found.problems)
