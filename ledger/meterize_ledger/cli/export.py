"""``meterize ledger export``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from meterize_ledger.service.exports import Selection
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.service.written import FORMATS, write_export

from . import output


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output.database_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="What to write.  [default: by the end of the file's name]")
@click.option("--subject", help="Show this subject's records alone; the others are there as digests.")
@click.option("--source", help="Only this source's chain.")
@click.option("--from", "start", type=click.DateTime(), help="Show records from this moment on (UTC).")
@click.option("--to", "end", type=click.DateTime(), help="Show records before this moment (UTC).")
@output.json_option
def export(
    file: Path,
    database: str | None,
    form: str | None,
    subject: str | None,
    source: str | None,
    start: datetime | None,
    end: datetime | None,
    as_json: bool,
) -> None:
    """Write all records to a file, as CSV, JSON lines or Parquet, that `meterize ledger prove` checks without the ledger.

    \b
    Example:
      meterize ledger export november.csv --subject ada --from 2026-11-01 --to 2026-12-01
    """
    moments = [moment if moment is None else moment.replace(tzinfo=UTC) for moment in (start, end)]
    selection = Selection(subject=subject, source=source, start=moments[0], end=moments[1])
    written = write_export(open_ledger(database, make=False), selection, file, form)
    if as_json:
        chains = [{"source": end.source, "seq": end.seq, "link": end.link} for end in written.ends]
        output.print_json({"file": str(file), "rows": written.rows, "shown": written.shown, "chains": chains})
        return
    output.say(f"{written.shown} records in {written.rows} rows of {file}; the ends of the chains:")
    for link in written.ends:
        click.echo(f"{output.printable(link.source)}:{link.seq}:{link.link}")
