"""``meterize ledger import``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from meterize_ledger.model.time import micros
from meterize_ledger.service.backfill import backfill as record_file
from meterize_ledger.service.ledger import open_ledger

from . import output

FINDINGS = 1


@click.command(name="import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="The name that the records are chained under; made where it is new.")
@output.database_option
@output.json_option
def backfill(file: Path, source: str, database: str | None, as_json: bool) -> int:
    """Record usage from a file: CSV with id, time, feature (and uses, subject, package, origin), or a CloudEvent on each line.

    Once, however often it is imported: each id of an origin counts the first time. Exit code 1 where one comes again with
    another feature, package, subject, time or number of uses: what was recorded stands.
    """
    done = record_file(open_ledger(database), source, file, micros(datetime.now(UTC)))
    if as_json:
        output.print_json({"file": str(file), "read": done.read, "recorded": done.recorded, "differing": done.differing})
    else:
        output.say(f"{done.recorded} recorded, {done.read - done.recorded} had been recorded before.")
        if done.differing:
            output.say(f"{done.differing} were recorded before with other content, which stands.")
    return FINDINGS if done.differing else 0
