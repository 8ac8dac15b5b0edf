"""``meterize ledger import``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from meterize_ledger.model.time import micros
from meterize_ledger.service.backfill import backfill as record_file
from meterize_ledger.service.ledger import open_ledger

from . import output


@click.command(name="import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="The name that the records are chained under; made where it is new.")
@output.database_option
@output.json_option
def backfill(file: Path, source: str, database: str | None, as_json: bool) -> None:
    """Record usage from a file: CSV with id, time, feature (and uses, subject, package, origin), or a CloudEvent on each line.

    Once, however often it is imported: each id of an origin counts the first time.
    """
    done = record_file(open_ledger(database), source, file, micros(datetime.now(UTC)))
    if as_json:
        output.print_json({"file": str(file), "read": done.read, "recorded": done.recorded})
    else:
        output.say(f"{done.recorded} of {done.read} were not recorded before.")
