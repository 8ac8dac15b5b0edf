"""Where text goes: results to stdout, everything else to stderr; JSON, progress and errors."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, TextIO

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

SCHEMA = 1
"""The version of every JSON answer, see docs/json-output.md."""

_COMMAND = re.compile(r"\bmeterize (?=(?:analyze|hooks|instrument|status|strip|verify)\b)")
"""The commands that work on an environment, where a message names one to run."""
_given_python: str | None = None

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")


class _Console(Console):
    """Made without emoji: names are shown as they are, and :bee: is one."""

    def on_broken_pipe(self) -> None:
        """Leave it to the one catch (rich would exit with 1, which means findings here)."""
        raise BrokenPipeError


def prepare() -> TextIO:
    """Make the standard streams fit for whatever is written: closed ones swallow it, and no encoding refuses a character.

    Returns stdout.
    """
    # Closed by the caller (`>&-`): None. Opened for the rest of the process.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")
    return sys.stdout


def remember_python(given: str | None) -> None:
    """What the user gave as --python, for the commands that messages name."""
    global _given_python  # noqa: PLW0603 - of the process, as its command line is
    _given_python = given


def as_typed(text: str) -> str:
    """The text with its commands as they are to be typed: with the --python that was given."""
    if _given_python is None:
        return text
    return _COMMAND.sub(lambda _: f"meterize --python {shlex.quote(str(_given_python))} ", text)


def silence() -> None:
    """Send the rest of stdout nowhere: what was there has gone, and the flush at exit must not complain either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stdout() -> Console:
    """For results. In a pipe: plain, and as wide as the text needs."""
    return _Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140, highlight=False, emoji=False)


def stderr() -> Console:
    """For everything else."""
    return _Console(file=sys.stderr, width=None if sys.stderr.isatty() else 120, highlight=False, emoji=False)


def say(message: str) -> None:
    """One line for people, with markup, to stderr."""
    stderr().print(as_typed(message), soft_wrap=True)


def print_json(answer: Mapping[str, Any], *, in_a_line: bool = False) -> None:
    """One JSON object to stdout, with the schema's version first; in plain ASCII where stdout cannot hold all characters."""
    whole = {"schema": SCHEMA, **answer}
    indent = None if in_a_line else 2
    text = json.dumps(whole, indent=indent, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = json.dumps(whole, indent=indent)
    click.echo(text)


def warn(warnings: tuple[str, ...]) -> None:
    """What the user should know although the work was done."""
    for message in warnings:
        stderr().print(f"[yellow]warning:[/] {escape(as_typed(message))}", soft_wrap=True)


class Reporter:
    """A live line for each stage on a terminal's stderr; silent where there is none."""

    def __init__(self, display: Progress | None) -> None:
        self._display = display
        self._tasks: dict[str, TaskID] = {}
        self._seen: Counter[str] = Counter()

    def __call__(self, stage: str, message: str) -> None:
        """Something is under way in a stage, beside whatever else is; without a message: the stage has ended."""
        if self._display is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._display.add_task(stage, total=None, at="")
        if not message:
            self._display.update(self._tasks[stage], description=f"[green]✓[/] {escape(stage)}: {self._seen[stage]}", at="")
            self._display.stop_task(self._tasks[stage])
            return
        self._seen[stage] += 1
        # The end of a test's id says most; a longer one would squeeze the stage's name.
        room = min(80, max(20, self._display.console.width - len(stage) - 24))
        self._display.update(
            self._tasks[stage], description=f"{escape(stage)}: {self._seen[stage]}", at=escape(message[-room:])
        )

    def close(self) -> None:
        """Clear the screen for something else."""
        if self._display is not None:
            self._display.stop()


@contextmanager
def progress(*, as_json: bool) -> Iterator[Reporter]:
    """A reporter that shows on a terminal, and is silent in pipes and with --json."""
    console = stderr()
    if as_json or not console.is_terminal:
        yield Reporter(None)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), TextColumn("[dim]{task.fields[at]}"))
    with Progress(*columns, console=console, transient=True) as display:
        yield Reporter(display)
