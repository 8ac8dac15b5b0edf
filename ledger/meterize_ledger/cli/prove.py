"""``meterize ledger prove``."""

from __future__ import annotations

from itertools import chain as chained
from pathlib import Path

import click

from meterize_ledger.errors import Refused
from meterize_ledger.proof import Chain, read_rows
from meterize_ledger.proof import prove as follow

from . import output

FINDINGS = 1
SHOWN = 20


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--end", "ends", multiple=True, metavar="SOURCE:SEQ:LINK", help="A link that was seen elsewhere, say on an invoice."
)
@output.json_option
def prove(files: tuple[Path, ...], ends: tuple[str, ...], as_json: bool) -> int:
    """Check an export: that none of its records was changed, none before its last removed or added, and no use counted twice.

    What a file cannot show is that it goes on to the end: last records that were left out, a source that is left out, a chain
    that was made anew. An end from elsewhere shows that, such as an invoice's: --end, for each source.

    Archives of `meterize ledger retain` may come before it, the oldest first: they are followed as one.

    Needs no ledger, no network, and none of the packages that the ledger needs. Exit code 1 where something is wrong.

    \b
    Example:
      meterize ledger prove november.csv --end web-1:1042:9f86d0…
    """
    proof = follow(chained.from_iterable(map(read_rows, files)), map(_end, ends))
    if as_json:
        output.print_json({"holds": proof.holds, "chains": [_as_mapping(chain) for chain in proof.chains]})
    else:
        _show(proof.chains)
    return 0 if proof.holds else FINDINGS


def _end(text: str) -> tuple[str, int, str]:
    parts = text.rsplit(":", 2)
    if len(parts) != 3 or not parts[1].isdecimal():
        raise Refused(f"{text!r} is not SOURCE:SEQ:LINK", slug="bad-end", hint="As `meterize ledger export` prints it.")
    return parts[0], int(parts[1]), parts[2]


def _as_mapping(chain: Chain) -> dict[str, object]:
    return {
        "source": chain.source,
        "sealed": chain.sealed,
        "held": chain.held,
        "seq": chain.seq,
        "link": chain.link,
        "shown": chain.shown,
        "hidden": chain.hidden,
        "uses": chain.uses,
        "problems": chain.problems,
    }


def _show(chains: tuple[Chain, ...]) -> None:
    if not chains:
        click.echo("There are no records in it.")
        return
    rows = [
        (output.printable(c.source), str(c.seq), str(c.shown), str(c.uses), "BROKEN" if c.problems else "whole", c.link)
        for c in chains
    ]
    output.print_table(("source", "records", "shown", "uses", "chain", "end"), rows)
    for chain in chains:
        if chain.sealed:
            output.say(output.printable(f"{chain.source}: records up to {chain.sealed} were sealed, and are in an archive"))
        for problem in chain.problems[:SHOWN]:
            output.say(output.printable(f"{chain.source}: {problem}"))
        if len(chain.problems) > SHOWN:
            output.say(f"{output.printable(chain.source)}: and {len(chain.problems) - SHOWN} more (--json shows all)")
    loose = [output.printable(chain.source) for chain in chains if chain.held < chain.seq]
    if loose:
        listed = ", ".join(loose[:SHOWN]) + (", …" if len(loose) > SHOWN else "")
        output.say(
            f"That nothing followed the last of these records ({listed}), "
            "and that no source is left out, only an end from elsewhere shows: --end SOURCE:SEQ:LINK"
        )
