"""``meterize ledger correct``."""

from __future__ import annotations

import click

from meterize_ledger.service.corrections import correct as amend
from meterize_ledger.service.ledger import open_ledger

from . import output


@click.command()
@click.argument("source")
@click.argument("seq", type=output.Whole(1, 2**53))
@click.option("--uses", required=True, type=output.Whole(-(2**53), 2**53), help="To add; a negative number takes away.")
@click.option("--by", required=True, help="Who asked for it.")
@click.option("--why", required=True, help="The reason, for whoever reads the record.")
@click.option("--id", "name", help="Do it once, however often this command runs.  [default: a new one]")
@output.database_option
@output.json_option
def correct(source: str, seq: int, uses: int, by: str, why: str, name: str | None, database: str | None, as_json: bool) -> None:
    """Amend record SEQ of SOURCE by a new record. Nothing that is recorded is ever changed.

    \b
    Example:
      meterize ledger correct web-1 42 --uses -3 --by support --why 'ticket 7: their own tests'
    """
    done = amend(open_ledger(database, make=False), source, seq, uses, by=by, why=why, name=name)
    if as_json:
        output.print_json({"id": done.id, "amends": done.amends, "before": done.before, "after": done.after})
    else:
        output.say(f"{output.printable(done.amends)} counted {done.before}, and counts {done.after}.")
