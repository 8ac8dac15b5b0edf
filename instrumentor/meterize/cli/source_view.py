"""What ``analyze`` shows of the source: the slice, the hooks, the runners-up, and a bar for each group of tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from meterize.model.report import Analysis, Mark, SliceFunction

_LINES: Final = 40
_BAR: Final = 32
_STYLE: Final = {Mark.EVERY: "green", Mark.SOME: "yellow", Mark.NONE: "dim"}
_SIGN: Final = {Mark.EVERY: "█", Mark.SOME: "▒", Mark.NONE: " "}


def show_sources(console: Console, found: Analysis) -> None:
    """The source of each hooked function."""
    hooked = {(p.code.file, p.code.qualname, p.code.first_line) for p in found.plan.hook_points}
    for function in found.functions:
        place = (function.file, function.qualname, function.line)
        if place in hooked:
            console.print(f"\n[bold]{escape(function.qualname)}[/] [dim]{escape(function.file)}[/]")
            others = {
                each.line: number
                for number, each in enumerate(found.plan.alternatives, 1)
                if (each.code.file, each.code.qualname, each.code.first_line) == place
            }
            for row in _rows(function, others):
                console.print(row, soft_wrap=True)
    other = "  [cyan]◇[/] runner-up" if found.plan.alternatives else ""
    console.print(f"[green]█[/] in every feature test  [yellow]▒[/] in some  [bold magenta]◆[/] hook{other}\n", style="dim")


def show_groups(console: Console, found: Analysis) -> None:
    """A bar for each group of tests: how many pass a hook. For terminals: the figures are in the tables as well."""
    if not console.is_terminal:
        return
    feature, rest = found.plan.selection.feature_tests, found.plan.selection.rest_tests
    noticed = len({test for point in found.plan.hook_points for test in point.covers})
    most = max(len(feature), len(rest), 1)
    for name, passing, total, style in (
        ("feature tests", noticed, len(feature), "green"),
        ("rest tests", found.rest_noticed, len(rest), "red"),
    ):
        console.print(f"{name:>14} {_bar(passing, total, most, style)} {passing:,} of {total:,} pass a hook")
    console.print()


def _bar(passing: int, total: int, most: int, style: str) -> str:
    """As long as the group is large, filled as far as its tests pass a hook; what is there at all can be seen."""
    length = max(round(_BAR * total / most), 1 if total else 0)
    filled = min(max(round(length * passing / total), 1), length) if passing and total else 0
    if passing < total and filled == length > 1:
        filled -= 1
    return f"[{style}]{'█' * filled}[/][dim]{'░' * (length - filled)}[/]{' ' * (_BAR - length)}"


def _rows(function: SliceFunction, others: Mapping[int, int]) -> list[Text]:
    interesting = [i for i, line in enumerate(function.lines) if line.hooks] or [0]
    first = max(0, min(interesting) - _LINES // 2)
    rows = []
    for line in function.lines[first : first + _LINES]:
        place = (
            Text("◆ ", style="bold magenta")
            if line.hooks
            else Text("◇ ", style="cyan")
            if line.number in others
            else Text("  ")
        )
        sign = Text(f"{_SIGN[line.mark]} ", style=_STYLE[line.mark])
        rows.append(place + sign + Text(f"{line.number:5} ", style="dim") + Text(line.text, style=_STYLE[line.mark]))
    if first + _LINES < len(function.lines):
        rows.append(Text(f"          … {len(function.lines) - first - _LINES} more lines", style="dim"))
    return rows
