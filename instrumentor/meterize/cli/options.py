"""Options that several commands have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import isnan
from typing import Any

import click

from meterize.model.running import Running


class Seconds(click.FloatRange):
    """More than none, and no more than a clock can count where ``longest`` says so."""

    name = "number of seconds"

    def __init__(self, longest: float | None = None) -> None:
        super().__init__(min=0, max=longest, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """More than nothing; NaN, which is less than no deadline, is refused."""
        seconds = float(super().convert(value, param, ctx))
        if isnan(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


timeout_option = click.option("--timeout", type=Seconds(), metavar="SECONDS", help="End a suite that runs longer.")


def running_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How suites are run; ``command`` gets it as ``running``."""

    @click.option("--jobs", type=click.IntRange(min=1), metavar="N",
                  help="Suites at the same time [as many as there are cores]; 1: one after the other.")  # fmt: skip
    @click.option("--no-cache", is_flag=True, help="Run the suites even if nothing seems to have changed since they last ran.")
    @click.option("--stability", type=click.IntRange(min=0), default=0, metavar="N",
                  help="Run each suite N more times, in other orders: what flickers proves nothing.")  # fmt: skip
    @click.option("--allow-failures", is_flag=True,
                  help="Go on though some tests fail: these prove nothing. Not if most do: too much goes unseen.")  # fmt: skip
    @wraps(command)
    def bundled(
        *arguments: Any, jobs: int | None, no_cache: bool, stability: int, allow_failures: bool, **keywords: Any
    ) -> Any:
        running = Running(jobs=jobs, cache=not no_cache, stability=stability, allow_failures=allow_failures)
        return command(*arguments, running=running, **keywords)

    return bundled
