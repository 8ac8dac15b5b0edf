"""``meterize ledger``: the ledger's commands. The only place of the ledger that prints.

The tool finds the group by the entry point ``meterize.commands``; nothing but click is imported until a command runs.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Final

import click

from meterize_ledger.errors import Refused

COMMANDS: Final = {
    "serve": "serve",
    "token": "token",
    "export": "export",
    "import": "backfill",
    "correct": "correct",
    "prove": "prove",
    "retain": "retain",
}
"""Each command's name, and the module that has it under the module's own name."""
USAGE: Final = 2
NEEDED: Final = ("alembic", "msgspec", "sqlalchemy", "starlette", "uvicorn")
BARE: Final = frozenset({"prove"})
"""What needs none of that: a customer's proof runs without a ledger."""


class Commands(click.Group):
    """Imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command; None if there is none of that name. Raises Refused where what it needs is not installed."""
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in BARE and not all(map(find_spec, NEEDED)):
            raise Refused(
                f"`meterize ledger {cmd_name}` needs packages that are not installed",
                slug="ledger-extra-missing",
                hint="pip install 'meterize[ledger]'",
            )
        module = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f".{module}", __package__), module)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of the help page, which needs no command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(HELP.items()))


HELP: Final = {
    "serve": "Receive usage and answer questions over HTTP.",
    "token": "Make, list and revoke tokens.",
    "export": "Write all records to a file that proves itself.",
    "import": "Record usage from a file, once.",
    "correct": "Amend a record by another one.",
    "prove": "Check an export: nothing changed, nothing left out of it.",
    "retain": "Drop old records, sealed and archived.",
}


def show_help(context: click.Context) -> int | None:
    """Of a group without a command: its help page, and the exit code of a slip."""
    if context.invoked_subcommand is not None:
        return None
    click.echo(context.get_help(), err=True)
    return USAGE


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def ledger(context: click.Context) -> int | None:
    """Keep every use once, and answer who used what.

    \b
    Example:
      meterize ledger token add --source web-1
      meterize ledger serve
    """
    return show_help(context)
