"""What went wrong, as an answer and an exit code: every error of the tool ends here, and none as a traceback."""

from __future__ import annotations

import errno
import re
import sys
import tempfile
import traceback
from contextlib import suppress
from typing import Any, Final

import click
from rich.panel import Panel
from rich.text import Text

from meterize import __version__
from meterize.errors import InternalError, MeterizeError, PartError, TargetError, UsageError

from . import INTERRUPTED, output

SCREEN_COLUMNS: Final = 72
MESSAGE_ROWS: Final = 5
DETAIL_ROWS: Final = 2
ALL_DETAIL_ROWS: Final = 10
"""What an error may fill: in a terminal of 80 columns with a frame, one screen of 24 rows."""

_TERMINAL_CODES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\^_])")
"""Control sequences of colours and the like (ECMA-48), and of titles and links."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def answer(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong; returns the exit code."""
    match error if isinstance(error, MeterizeError) else PartError.of(error):
        case MeterizeError() as known:
            return _show(known, as_json=as_json)
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.Abort():  # click's word for Ctrl-C
            return interrupted()
        case click.ClickException():
            return _show(_usage_error(error), as_json=as_json)
        case BrokenPipeError():
            # The reader of our pipe has gone (`meterize … | head`), which is its right.
            output.silence()
            return 0
    is_full = isinstance(error, OSError) and error.errno in _FULL
    return _show(_disk_full(error) if is_full else _defect(error), as_json=as_json)


def interrupted() -> int:
    """Say that the user ended the work; returns the exit code."""
    output.say("[bold]Interrupted.[/] Nothing was left half-done.")
    return INTERRUPTED


def _show(error: MeterizeError, *, as_json: bool) -> int:
    try:
        show_error(error, as_json=as_json)
        sys.stdout.flush()
    except OSError:  # stdout itself is what cannot be written to
        output.silence()
        with suppress(OSError):
            show_error(error, as_json=False)
    return error.exit_code


def _usage_error(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "meterize"
    hint = f"`{command} --help` shows what it takes, with an example."
    if isinstance(error, click.NoSuchOption) and error.option_name == "--python":
        whole, _, name = command.partition(" ")
        hint = f"It goes before the command: `{whole} --python PATH {name} …`."
    return UsageError(error.format_message(), slug="usage", hint=hint)


def _disk_full(error: Exception) -> TargetError:
    where = getattr(error, "filename", None) or "standard output, or a temporary file"
    return TargetError(
        f"the disk is full: {where}",
        slug="disk-full",
        hint="Make room on the file system (temporary files go to TMPDIR) and run the command again.",
    )


def _defect(error: Exception) -> InternalError:
    report = [f"meterize {__version__}, Python {sys.version}\n", f"{sys.argv[1:]}\n\n", *traceback.format_exception(error)]
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="meterize-defect-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as file:
            file.writelines(report)
        details: tuple[str, ...] = (f"The details are in {file.name}",)
    except OSError:
        details = tuple("".join(report).splitlines())
    return InternalError(f"{type(error).__name__}: {error}", details=details)


def as_mapping(error: MeterizeError) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "error": {
            "slug": error.slug,
            "message": error.message,
            "hint": output.as_typed(error.hint),
            "details": list(error.details),
        }
    }


def show_error(error: MeterizeError, *, as_json: bool) -> None:
    """What was wrong, where, and what to do next: on one screen of stderr, or whole as the JSON answer."""
    if as_json:
        output.print_json(as_mapping(error))
        return
    console = output.stderr()
    text = Text(_fit(error.message, MESSAGE_ROWS), style="bold")
    for line in _last_lines(error.details):
        text.append(f"\n{line}", style="not bold")
    text.append(f"\n\n{_fit(output.as_typed(error.hint), MESSAGE_ROWS)}", style="not bold")
    if console.is_terminal:
        console.print(Panel(text, title=f"[red]error[/] {error.slug}", title_align="left", border_style="red"))
    else:
        console.print(Text(f"error ({error.slug}): ") + text, soft_wrap=True)


def _last_lines(details: tuple[str, ...]) -> list[str]:
    """What a screen has room for: the end, where a suite's own output tells most."""
    shown: list[str] = []
    rows = 0
    for line in reversed(details):
        fitted = _fit(line, DETAIL_ROWS)
        rows += 1 + len(fitted) // SCREEN_COLUMNS
        if rows > ALL_DETAIL_ROWS:
            return [f"… {len(details) - len(shown)} lines before these (--json shows all)", *shown]
        shown.insert(0, fitted)
    return shown


def _fit(text: str, rows: int) -> str:
    """The text without terminal codes, its middle left out where it would fill more rows."""
    line = _TERMINAL_CODES.sub("", text).replace("\n", " ").replace("\r", "").expandtabs(4)
    plain = "".join(c if c.isprintable() else "�" for c in line)
    room = rows * SCREEN_COLUMNS
    return plain if len(plain) <= room else f"{plain[: room // 2]} … {plain[-room // 2 + 4 :]}"
