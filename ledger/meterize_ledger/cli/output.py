"""Where text goes: results to stdout, everything else to stderr; options that several commands have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

SCHEMA: Final = 1
"""The version of every JSON answer, see docs/json-output.md."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
database_option = click.option(
    "--database",
    metavar="PATH|URL",
    envvar="METERIZE_DATABASE",
    help="A SQLite file, or postgresql://user:password@host/name  "
    "[default: $METERIZE_DATABASE, else ledger.db under the XDG state folder]",
)


class Whole(click.IntRange):
    """A whole number; of one that is none click speaks in these words."""

    name = "integer"


class Number(click.FloatRange):
    """The same, with a fraction."""

    name = "number"


def print_json(answer: Mapping[str, Any]) -> None:
    """One JSON object to stdout, with the schema's version first."""
    click.echo(json.dumps({"schema": SCHEMA, **answer}, indent=2))


def say(message: str) -> None:
    """One line for people, to stderr."""
    click.echo(message, err=True)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns, as wide as they need."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def printable(text: str) -> str:
    """Text of strangers without what a terminal would act on."""
    return "".join(c if c.isprintable() else "�" for c in text)
