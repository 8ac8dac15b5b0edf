"""``meterize ledger retain``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.service.retention import retain as let_go

from . import output


@click.command()
@click.option("--days", required=True, type=output.Number(0, 100_000), help="Keep records that arrived since so many days ago.")
@click.option(
    "--archive",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder that gets a file of what is dropped.",
)
@click.option("--by", default="operator", show_default=True, help="Who asked for it, for whoever reads the seal.")
@output.database_option
@output.json_option
def retain(days: float, archive: Path, by: str, database: str | None, as_json: bool) -> None:
    """Drop old records; what was used by the hour stays. They go to an archive first, and each chain gets a seal that says so.

    An export made afterwards still proves itself, and with the archives before it, all of it: `meterize ledger prove`.

    \b
    Example:
      meterize ledger retain --days 400 --archive /srv/archive
    """
    until = datetime.now(UTC) - timedelta(days=days)
    done = let_go(open_ledger(database, make=False), until, archive, by=by)
    chains = [{"source": cut.end.source, "seq": cut.end.seq, "link": cut.end.link} for cut in done.cuts]
    if as_json:
        name = None if done.archive is None else str(done.archive)
        output.print_json({"archive": name, "dropped": done.dropped, "chains": chains})
        return
    output.say(f"{done.dropped} records dropped" + (f"; they are in {done.archive}" if done.archive else "."))
    for cut in done.cuts:
        click.echo(f"{output.printable(cut.end.source)}:{cut.end.seq}:{cut.end.link}")
