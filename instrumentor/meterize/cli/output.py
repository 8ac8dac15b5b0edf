"""Where text goes: results to stdout, everything else to stderr; JSON, progress and errors."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from meterize.errors import MeterizeError

SCHEMA = 1
"""The version of every JSON answer, see docs/json-output.md."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON (docs/json-output.md).")


def stdout() -> Console:
    """For results. In a pipe: plain, and as wide as the text needs."""
    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140, highlight=False)


def stderr() -> Console:
    """For everything else."""
    return Console(file=sys.stderr, width=None if sys.stderr.isatty() else 120, highlight=False)


def say(message: str) -> None:
    """One line for people, with markup, to stderr."""
    stderr().print(message)


def print_json(answer: Mapping[str, Any]) -> None:
    """One JSON object to stdout, with the schema's version first."""
    click.echo(json.dumps({"schema": SCHEMA, **answer}, indent=2, ensure_ascii=False))


def warn(warnings: tuple[str, ...]) -> None:
    """What the user should know although the work was done."""
    for message in warnings:
        stderr().print(f"[yellow]warning:[/] {escape(message)}", soft_wrap=True)


def show_error(error: MeterizeError, *, as_json: bool) -> None:
    """What was wrong, where, and what to do next: on stderr, or as the JSON answer."""
    if as_json:
        body = {"slug": error.slug, "message": error.message, "hint": error.hint, "details": list(error.details)}
        print_json({"error": body})
        return
    console = stderr()
    text = "\n".join([f"[bold]{escape(error.message)}[/]", *(escape(line) for line in error.details)])
    body_text = f"{text}\n\n{escape(error.hint)}"
    if console.is_terminal:
        console.print(Panel(body_text, title=f"[red]error[/] {error.slug}", title_align="left", border_style="red"))
    else:
        console.print(f"error ({error.slug}): {body_text}", soft_wrap=True)


class Reporter:
    """A live line for each stage on a terminal's stderr; silent where there is none."""

    def __init__(self, display: Progress | None) -> None:
        self._display = display
        self._tasks: dict[str, TaskID] = {}
        self._seen: Counter[str] = Counter()

    def __call__(self, stage: str, message: str) -> None:
        """Something is under way in a stage; the stages before it are done."""
        if self._display is None:
            return
        if stage not in self._tasks:
            for name, task in self._tasks.items():
                self._display.update(task, description=f"[green]✓[/] {name}: {self._seen[name]}", at="")
                self._display.stop_task(task)
            self._tasks[stage] = self._display.add_task(stage, total=None, at="")
        self._seen[stage] += 1
        self._display.update(self._tasks[stage], description=f"{stage}: {self._seen[stage]}", at=escape(message[-80:]))

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
