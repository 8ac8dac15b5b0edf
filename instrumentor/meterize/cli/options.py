"""Options that several commands have in common."""

from __future__ import annotations

from math import isnan
from typing import Any

import click


class _Seconds(click.FloatRange):
    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """More than nothing; NaN, which is less than no deadline, is refused."""
        seconds = float(super().convert(value, param, ctx))
        if isnan(seconds):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return seconds


timeout_option = click.option("--timeout", type=_Seconds(), metavar="SECONDS", help="End a suite that runs longer.")
