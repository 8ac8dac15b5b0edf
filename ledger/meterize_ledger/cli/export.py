"""``meterize ledger export``."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from meterize_ledger.errors import Refused
from meterize_ledger.model.time import read_moment, read_zone
from meterize_ledger.service.exports import Selection, check_selection
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.service.written import FORMATS, form_of, write_export

from . import output


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@output.database_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="What to write.  [default: by the end of the file's name]")
@click.option("--subject", help="Show this subject's records alone; the others are there as digests.")
@click.option("--source", help="Only this source's chain.")
@click.option("--from", "first", metavar="TIME", help="Show records from this moment on: ISO 8601, a date or a time.")
@click.option("--to", "last", metavar="TIME", help="Show records before this moment.")
@click.option("--tz", default="UTC", show_default=True, metavar="ZONE", help="Where dates and times without an offset are.")
@output.json_option
def export(
    file: Path,
    database: str | None,
    form: str | None,
    subject: str | None,
    source: str | None,
    first: str | None,
    last: str | None,
    tz: str,
    as_json: bool,
) -> None:
    """Write all records to a file, as CSV, JSON lines or Parquet, that `meterize ledger prove` checks without the ledger.

    Of a subject, a source or a period: whose records are shown; the others of a chain are there as digests.

    \b
    Example:
      meterize ledger export november.csv --subject ada --from 2026-11-01 --to 2026-12-01 --tz Europe/Berlin
    """
    start, end = _period(first, last, tz)
    selection = Selection(subject=subject, source=source, start=start, end=end)
    form = form or form_of(file)
    opened = open_ledger(database, make=False)
    check_selection(opened, selection)
    written = write_export(opened, selection, file, form)
    if as_json:
        chains = [{"source": end.source, "seq": end.seq, "link": end.link} for end in written.ends]
        output.print_json({"file": str(file), "rows": written.rows, "shown": written.shown, "chains": chains})
        return
    output.say(f"{written.shown} records in {written.rows} rows of {file}; the ends of the chains:")
    for link in written.ends:
        click.echo(f"{output.printable(link.source)}:{link.seq}:{link.link}")


def _period(first: str | None, last: str | None, tz: str) -> tuple[datetime | None, datetime | None]:
    try:
        zone = read_zone(tz)
        start, end = (None if text is None else read_moment(text, zone) for text in (first, last))
        if start is not None and end is not None and start >= end:
            raise ValueError(f"the period from {first} to {last} is empty")
    except ValueError as error:
        raise Refused(
            str(error), slug="bad-period", hint="--from 2026-11-01 --to 2026-12-01 --tz Europe/Berlin is November there."
        ) from error
    return start, end
