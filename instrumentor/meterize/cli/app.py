"""The command group, its global options, and the one place where errors are caught."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from meterize import __version__
from meterize.errors import InternalError, MeterizeError, UsageError
from meterize.pipeline import Target

from . import output
from .analyze import analyze
from .completion import completion
from .instrument import instrument
from .status import status
from .strip import strip
from .usage import usage
from .verify import verify

INTERRUPTED = 130


class OrderedGroup(click.Group):
    """Lists commands in the order of the work, not of the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, as they were added."""
        return list(self.commands)


@click.group(cls=OrderedGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="meterize")
@click.option(
    "--python",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Work on the environment of this interpreter (or of this venv folder) instead of the tool's own.",
)
def app(python: Path | None) -> None:
    """Meter one feature of an installed Python package, without touching its source.

    \b
    Example:
      meterize analyze tablib --feature xlsx --with 'pytest tests -k xlsx' --without 'pytest tests -k "not xlsx"'
      meterize instrument tablib.xlsx.plan.toml --policy every
      meterize usage
      meterize strip tablib

    Exit codes: 0 ok, 1 findings, 2 usage, 3 your tests failed, 4 target or environment, 70 our bug.
    """
    if python is not None:
        from .elsewhere import hand_over

        hand_over(python, sys.argv[1:])


for command in (analyze, instrument, status, verify, usage, strip, completion):
    app.add_command(command)


def run(arguments: Sequence[str], search_path: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code. Every error of the tool ends here."""
    target = Target() if search_path is None else Target(search_path=search_path)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        result = app.main(args=list(arguments), prog_name="meterize", standalone_mode=False, obj=target)
        sys.stdout.flush()
    except Exception as error:  # noqa: BLE001 - the one catch: whatever went wrong becomes an answer, not a traceback
        return _answer(error, as_json="--json" in arguments)
    except KeyboardInterrupt:
        return _interrupted()
    return result if isinstance(result, int) else 0


def _answer(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong; returns the exit code."""
    match error:
        case MeterizeError():
            output.show_error(error, as_json=as_json)
            return error.exit_code
        case click.exceptions.Exit():
            return error.exit_code
        case click.Abort():  # click's word for Ctrl-C
            return _interrupted()
        case click.ClickException():
            output.show_error(_usage_error(error), as_json=as_json)
            return error.exit_code
        case BrokenPipeError():
            # The reader of our pipe has gone (`meterize … | head`); a later flush at exit must not complain either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case _:
            return _report_defect(error, as_json=as_json)


def _usage_error(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "meterize"
    return UsageError(error.format_message(), slug="usage", hint=f"`{command} --help` shows what it takes, with an example.")


def _interrupted() -> int:
    output.say("[bold]Interrupted.[/] Nothing was left half-done.")
    return INTERRUPTED


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    # As Ctrl-C: the running suite is ended and everything put back on the way out.
    raise KeyboardInterrupt


def _report_defect(error: Exception, *, as_json: bool) -> int:
    with tempfile.NamedTemporaryFile("w", prefix="meterize-defect-", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write(f"meterize {__version__}, Python {sys.version}\n{sys.argv[1:]}\n\n")
        traceback.print_exception(error, file=file)
    defect = InternalError(f"{type(error).__name__}: {error}", details=(f"The details are in {file.name}",))
    output.show_error(defect, as_json=as_json)
    return defect.exit_code
