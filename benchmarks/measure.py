"""What all benchmarks share: samples taken in turns, medians of them, and one way to show a table.

A figure is the median of what several fresh processes found, with the lowest and highest of them as its spread. Within a
process every round runs each variant once, each time in another order, so that whatever else the machine does meets them alike.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Samples = dict[str, list[float]]
"""By variant, one figure a round; figures of the same round belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A median and the lowest and highest of what it is the median of."""

    median: float
    low: float
    high: float

    def as_mapping(self) -> dict[str, float]:
        return {"median": self.median, "low": self.low, "high": self.high}


def summarize(values: Sequence[float]) -> Figure:
    return Figure(median=statistics.median(values), low=min(values), high=max(values))


def take_in_turns(variants: Mapping[str, Callable[[], float]], rounds: int) -> Samples:
    """Each variant once a round, in an order of the round's own."""
    samples: Samples = {name: [] for name in variants}
    names = list(variants)
    for _ in range(rounds):
        random.shuffle(names)
        for name in names:
            samples[name].append(variants[name]())
    return samples


def timed(work: Callable[[int], object], turns: int) -> Callable[[], float]:
    """Measures ``work(turns)``: nanoseconds of this thread's CPU time a turn."""

    def measure() -> float:
        clock = time.thread_time_ns
        was_enabled = gc.isenabled()
        gc.disable()
        begin = clock()
        work(turns)
        spent = clock() - begin
        if was_enabled:
            gc.enable()
        return spent / turns

    return measure


def ratio(samples: Samples, name: str, base: str) -> float:
    """The median over the rounds of one variant's time to another's."""
    return statistics.median(one / other for one, other in zip(samples[name], samples[base], strict=True))


def added(samples: Samples, name: str, base: str) -> float:
    """The median over the rounds of what one variant takes more than another."""
    return statistics.median(one - other for one, other in zip(samples[name], samples[base], strict=True))


def in_processes(script: str, arguments: Sequence[str], count: int) -> list[Any]:
    """What ``script ARGUMENTS`` prints as JSON, from so many processes one after another."""
    return [json.loads(run_worker(script, arguments)) for _ in range(count)]


def run_worker(script: str, arguments: Sequence[str]) -> str:
    """The output of one process of a benchmark's own; its uses go to a spool that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as spool:
        variables = clean_variables() | {"METERIZE_SPOOL": spool}
        command = [sys.executable, script, *arguments]
        done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode})")
    return done.stdout


def clean_variables() -> dict[str, str]:
    """This environment without what changes how Python compiles, imports or finds things."""
    misleading = ("PYTHON", "METERIZE_", "COVERAGE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(misleading)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has run; ``seconds`` is CPU time (user and system, children included)."""

    exit_code: int
    output: str
    errors: str
    seconds: float


def run_measured(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> Finished:
    """Run a command to its end."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=cwd, env=dict(environment), stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    seconds = usage.ru_utime + usage.ru_stime
    return Finished(exit_code=process.returncode, output=texts[0], errors=texts[1], seconds=seconds)


def cpu_of(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> float:
    """CPU seconds of a command that must succeed."""
    done = run_measured(command, cwd=cwd, environment=environment)
    if done.exit_code:
        raise SystemExit(f"{' '.join(command)} failed ({done.exit_code})\n{(done.output + done.errors)[-3000:]}")
    return done.seconds


class Report:
    """The tables of one benchmark, for eyes or as JSON."""

    def __init__(self, benchmark: str) -> None:
        self._benchmark = benchmark
        self._tables: list[tuple[str, list[str], list[dict[str, Any]], str]] = []

    def add(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> None:
        """A table. A cell is text, a number or a `Shown`."""
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        self._tables.append((title, list(columns), named, note))

    def show(self, given: argparse.Namespace) -> None:
        """Print the tables as the options want them."""
        if given.json:
            tables = [
                {"title": title, "rows": [{key: _plain(cell) for key, cell in row.items()} for row in rows], "note": note}
                for title, _, rows, note in self._tables
            ]
            head = {"schema": 1, "benchmark": self._benchmark, "python": platform.python_version()}
            print(json.dumps({**head, "tables": tables}, indent=2))
            return
        if given.markdown:
            for title, columns, rows, note in self._tables:
                print(f"{title}, CPython {platform.python_version()}\n")
                print(f"| {' | '.join(columns)} |\n|---{'|---:' * (len(columns) - 1)}|")
                for row in rows:
                    print(f"| {' | '.join(str(cell) for cell in row.values())} |".replace("\n", "<br>"))
                print(f"\n{note}\n")
            return
        console = Console(width=None if sys.stdout.isatty() else 132, highlight=False)
        for title, columns, rows, note in self._tables:
            table = Table(title=f"{title} (CPython {platform.python_version()})", title_justify="left", caption_justify="left")
            table.caption = note or None
            for number, column in enumerate(columns):
                table.add_column(column, justify="left" if number == 0 else "right", no_wrap=number == 0)
            for row in rows:
                table.add_row(*(str(cell) for cell in row.values()))
            console.print(table)
            console.print()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A figure with the way it is written: ``1.01× (1.00–1.03)``."""

    figure: Figure
    pattern: str
    """Of one number, as for ``str.format``: ``{:.2f}×``."""

    def __str__(self) -> str:
        low, high = (self.pattern.format(value) for value in (self.figure.low, self.figure.high))
        middle = self.pattern.format(self.figure.median)
        return middle if low == high else f"{middle}  ({low} to {high})"


def _plain(cell: object) -> object:
    if isinstance(cell, Shown):
        return cell.figure.as_mapping()
    return cell


def options(description: str) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; the figures are rough")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the tables as docs/performance.md has them")
    parser.add_argument("--repeats", type=int, metavar="N", help="how many processes or rounds to take the median of")
    return parser


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)
