"""The command group, its global options, and the one place where errors are caught."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import click

from meterize import __version__
from meterize.pipeline.target import Target

from . import GIVEN_PYTHON, failure, output

USAGE = 2
COMMANDS: Final = ("analyze", "instrument", "status", "verify", "agent", "usage", "hooks", "strip", "schema", "completion")
"""In the order of the work, not of the alphabet. Each is a function in the module of its name."""
OTHERS: Final = "meterize.commands"
"""The entry points under which other parts, which this one never imports by name, offer commands."""


class Commands(click.Group):
    """Imports a command when it is asked for, as click's documentation shows ("Lazily Loading Subcommands")."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names: the tool's own, and those of other parts."""
        return [*COMMANDS, *sorted(_others())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command; None if there is none of that name."""
        if cmd_name in COMMANDS:
            command: click.Command = getattr(import_module(f".{cmd_name}", __package__), cmd_name)
            return command
        found = _others().get(cmd_name)
        return None if found is None else found.load()

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name, and what is left of them. Raises click.UsageError, with what is like it."""
        names = COMMANDS if args[0] in COMMANDS else self.list_commands(ctx)
        near = [] if args[0] in names else get_close_matches(args[0], names, n=1)
        if near:
            raise click.UsageError(f"No such command '{args[0]}'. Did you mean '{near[0]}'?", ctx)
        return super().resolve_command(ctx, args)


def _others() -> dict[str, EntryPoint]:
    """By name, what other parts offer and is there (with --python the tool alone goes along into the other environment).

    It reads the environment's metadata, so the tool's own commands do without.
    """
    offered = (point for point in entry_points(group=OTHERS) if point.name not in COMMANDS)
    return {point.name: point for point in offered if find_spec(point.module.partition(".")[0]) is not None}


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="meterize")
@click.option(
    "--python",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Work on the environment of this interpreter (or of this venv folder) instead of the tool's own.",
)
@click.pass_context
def app(context: click.Context, python: Path | None) -> int | None:
    """Meter one feature of an installed Python package, without touching its source.

    \b
    Example:
      meterize analyze tablib --feature xlsx --with 'pytest tests -k xlsx' --without 'pytest tests -k "not xlsx"'
      meterize instrument tablib.xlsx.plan.toml --policy every
      meterize usage
      meterize strip tablib

    Exit codes: 0 ok, 1 findings, 2 usage, 3 your tests failed, 4 target or environment, 70 our bug,
    130 interrupted.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return USAGE
    if python is not None:
        from .elsewhere import hand_over

        hand_over(python, sys.argv[1:])
    return None


def run(arguments: Sequence[str], search_path: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code. Every error of the tool ends here."""
    target = Target() if search_path is None else Target(search_path=search_path)
    stream = output.prepare()
    output.remember_python(os.environ.pop(GIVEN_PYTHON, None))
    _end_on_signals()
    try:
        result = app.main(args=list(arguments), prog_name="meterize", standalone_mode=False, obj=target)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the one catch: whatever went wrong becomes an answer, not a traceback
        if isinstance(error, click.UsageError) and error.ctx is None:  # an option lacks its value: click does not say where
            error.ctx = _context_of(arguments)
        return failure.answer(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        return failure.interrupted()
    except SystemExit:
        if sys.stdout is stream:
            raise
        # The reader of our pipe has gone: click exchanges stdout and leaves with 1, which means findings here.
        return 0
    return result if isinstance(result, int) else 0


def _context_of(arguments: Sequence[str]) -> click.Context:
    """That of the innermost command that the arguments name."""
    context = click.Context(app, info_name="meterize")
    for word in arguments:
        if isinstance(context.command, click.Group):
            command = context.command.get_command(context, word)
            context = context if command is None else click.Context(command, parent=context, info_name=word)
    return context


def _end_on_signals() -> None:
    """SIGTERM, and a terminal that is closed, do as Ctrl-C does; what the caller ignores (nohup) stays ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    # The running suite is ended and everything put back on the way out, which takes seconds at most: an impatient second
    # Ctrl-C must not cut that short. (SIG_IGN would make CPython complain of a signal that is already on its way.)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _overlook)
    raise KeyboardInterrupt


def _overlook(_signal: int, _frame: FrameType | None) -> None:
    """Nothing more to do."""
