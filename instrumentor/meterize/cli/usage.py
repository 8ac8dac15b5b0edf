"""``meterize usage``: who used what, and how often."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from meterize.ledger_client import LedgerSettings, find_ledger
from meterize.model.usage import UsageAnswer
from meterize.pipeline.usage import usage as read

from . import output
from .completion import complete_by, complete_features, complete_zones
from .options import Seconds
from .usage_following import follow as keep_showing
from .usage_question import make_question
from .usage_view import as_mapping, as_table, notes

A_DAY = 86_400
MOST = 10_000
"""As many groups as a ledger gives for --top."""


@click.command()
@click.option("--spool", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Ask this spool.  [default: $METERIZE_SPOOL, else under the XDG state folder]")  # fmt: skip
@click.option("--ledger", metavar="URL", help="Ask this ledger.  [default: $METERIZE_LEDGER; if there is none, a spool]")
@click.option("--token-file", type=click.Path(path_type=Path), metavar="FILE",
              help="A file with the token of a reader.  [default: $METERIZE_TOKEN_FILE, $METERIZE_TOKEN]")  # fmt: skip
@click.option(
    "--ca-file", metavar="FILE", help="CA certificates to trust for https.  [default: $METERIZE_CA_FILE, the system's]"
)
@click.option("--timeout", type=Seconds(A_DAY), metavar="SECONDS", help="Longest request to a ledger [30].")
@click.option("--by", metavar="WORDS", shell_complete=complete_by,
              help="Some of feature, subject, package, host, and one of hour, day, month, with commas.")  # fmt: skip
@click.option(
    "--tz", metavar="ZONE", shell_complete=complete_zones, help="Time zone of days and months [this machine's, or UTC]."
)
@click.option("--from", "start", metavar="DATE", help="ISO 8601 [the beginning of this month].")
@click.option("--to", "end", metavar="DATE", help="ISO 8601, not included [the end of this quarter of an hour].")
@click.option("--feature", "features", multiple=True, shell_complete=complete_features, help="Only this; may be repeated.")
@click.option("--subject", "subjects", multiple=True, help="Only this; may be repeated.")
@click.option("--top", type=click.IntRange(1, MOST), metavar="N", help="Only the N most used groups; the rest in one row.")
@click.option("--compare", type=click.Choice(["previous"]), help="With the period of the same length before.")
@click.option("--follow", is_flag=True, help="Go on showing it; in a pipe, what changes, line by line.")
@click.option("--every", type=Seconds(A_DAY), default=2.0, metavar="SECONDS", help="How often to look, with --follow [2].")
@output.json_option
def usage(
    *, spool: Path | None, ledger: str | None, token_file: Path | None, ca_file: str | None, timeout: float | None,
    compare: str | None, follow: bool, every: float, as_json: bool, **asked: Any,
) -> None:  # fmt: skip
    """Show who used what: from the spool of this machine, or from a ledger, which also knows when.

    A spool holds sums since each process began: "since" is when the first of them did, "until" when the last changed its
    counts, as the file system knows it. What an agent has delivered of processes that have ended is in the ledger alone.

    \b
    Example:
      meterize usage --top 10

    \b
    Of a ledger, with a reader's token in a file or in METERIZE_TOKEN, never on the command line:
      meterize usage --ledger https://ledger.example.com --token-file ~/.config/meterize/token
      meterize usage --ledger … --by feature,day --tz Europe/Berlin --from 2026-11-01 --to 2026-12-01
      meterize usage --ledger … --by subject --top 10 --compare previous
      meterize usage --ledger … --by feature --follow
    """
    source = _source(spool, ledger, token_file, ca_file, timeout)
    question = make_question(of_ledger=isinstance(source, LedgerSettings), compare=compare is not None, **asked)
    ask = partial(read, question, source)
    if follow:
        keep_showing(ask, every=every, as_json=as_json)
    elif as_json:
        output.print_json(as_mapping(ask()))
    else:
        _show(ask())


def _source(
    spool: Path | None, ledger: str | None, token_file: Path | None, ca_file: str | None, timeout: float | None
) -> LedgerSettings | Path | None:
    """What is named goes before the environment, and there the ledger before the spool. Raises UsageError."""
    if spool is not None and ledger is not None:
        raise click.UsageError("Give either --spool or --ledger.")
    found = None if spool is not None else find_ledger(os.environ, ledger, token_file, ca_file)
    if found is None:
        if (token_file, ca_file, timeout) != (None, None, None):
            raise click.UsageError("--token-file, --ca-file and --timeout are for a ledger: name it by --ledger.")
        return spool
    if found.travels_in_clear:
        output.warn(("the token travels in the clear: everybody on the way can read it (https would hide it)",))
    return found if timeout is None else replace(found, seconds=timeout)


def _show(found: UsageAnswer) -> None:
    console = output.stdout()
    console.print(as_table(found, console), soft_wrap=not found.rows, crop=False)
    output.warn(tuple(notes(found)))
