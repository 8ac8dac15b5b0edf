"""Goes on showing usage until it is told to end: live on a terminal, in a pipe what changes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from meterize.errors import AwayError, MeterizeError
from meterize.model.usage import UsageAnswer

from . import failure, output
from .usage_view import as_mapping, as_table, notes, printable

LONGEST_WAIT = 60.0


def follow(ask: Callable[[], UsageAnswer], *, every: float, as_json: bool) -> None:
    """Ask again every so many seconds, until KeyboardInterrupt. Whoever is away after the first answer is asked again.

    Raises what ``ask`` raises, but for AwayError later on.
    """
    try:
        _go_on(ask, every, as_json=as_json)
    except MeterizeError as error:
        if not as_json:
            raise
        output.print_json(failure.as_mapping(error), in_a_line=True)
        raise click.exceptions.Exit(error.exit_code) from None


def _go_on(ask: Callable[[], UsageAnswer], every: float, *, as_json: bool) -> NoReturn:
    console = output.stdout()
    is_screen = console.is_terminal and not console.is_dumb_terminal
    view = _Objects() if as_json else _Screen(console, every) if is_screen else _Lines()
    first = ask()
    with view.shown():
        view.show(first)
        wait = every
        while True:
            time.sleep(wait)
            try:
                view.show(ask())
                wait = every
            except AwayError as error:
                view.miss(error.message)
                wait = min(max(every, error.seconds), LONGEST_WAIT)


class _View(ABC):
    """Shows one answer after the other, and says once that there is none for a while."""

    def __init__(self) -> None:
        self._last: UsageAnswer | None = None
        self._is_away = False

    @abstractmethod
    def show(self, found: UsageAnswer) -> None:
        """The answer of now."""

    def shown(self) -> AbstractContextManager[object]:
        """While answers are shown."""
        return nullcontext()

    def miss(self, message: str) -> None:
        """There is no answer now."""
        if not self._is_away:
            output.warn((f"{message}; trying again",))
        self._is_away = True

    def _changes(self, found: UsageAnswer) -> bool:
        """Whether there is anything new in it: that time goes on is not."""
        if self._is_away:
            output.say("The ledger answers again.")
        last, self._last, self._is_away = self._last, found, False
        return last is None or _content(last) != _content(found)


def _content(found: UsageAnswer) -> tuple[object, ...]:
    rows = tuple((row.group, row.at, row.uses, row.before) for row in found.rows)
    return rows, found.others, found.total, found.previous and found.previous.total, found.unmetered, found.problems


class _Objects(_View):
    """JSON lines."""

    def show(self, found: UsageAnswer) -> None:
        """The whole answer in a line, if something has changed."""
        if self._changes(found):
            output.print_json(as_mapping(found), in_a_line=True)


class _Lines(_View):
    """Text: the time (UTC), the names of a group, its uses, and how many more that is than before."""

    def show(self, found: UsageAnswer) -> None:
        """A line for each group that has changed."""
        last = self._last
        if not self._changes(found):
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        known = {(row.group, row.at): row.uses for row in last.rows} if last else {}
        for row in found.rows:
            before = known.get((row.group, row.at), 0)
            if row.uses != before:
                names = [
                    printable("(unknown)" if name is None else name) for name in (*row.group, *([row.at] if row.at else []))
                ]
                more = [f"{row.uses - before:+,}"] if last else []
                click.echo("\t".join((now, *names, f"{row.uses:,}", *more)))
        output.warn(tuple(note for note in notes(found) if last is None or note not in notes(last)))


class _Screen(_View):
    """The table, in the place of the one before it."""

    def __init__(self, console: Console, every: float) -> None:
        super().__init__()
        self._console, self._every = console, every
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def shown(self) -> AbstractContextManager[object]:
        """While the screen is ours; the last table stays."""
        return self._live

    def show(self, found: UsageAnswer) -> None:
        """The table, and when it was asked for. Rows that the screen has no room for take time to lay out, too."""
        self._last = replace(found, rows=found.rows[: self._console.height])
        self._draw(Text(f"{_now()}, every {self._every:g} s; Ctrl-C ends it", style="dim"))

    def miss(self, message: str) -> None:
        """The last table, and why there is no other."""
        self._draw(Text(f"{_now()}: {printable(message)}; trying again", style="yellow"))

    def _draw(self, status: Text) -> None:
        """What a low terminal has no room for is at the end."""
        if self._last is not None:
            lines = [Text(f"warning: {printable(note)}", style="yellow") for note in notes(self._last)]
            self._live.update(Group(status, as_table(self._last, self._console), *lines), refresh=True)


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")
