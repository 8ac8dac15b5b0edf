"""The slice in the terminal: marks, and bars that a pipe does not get."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from meterize.cli.source_view import show_groups, show_sources
from meterize.model.code import CodeId
from meterize.model.feature import Charge, Policy
from meterize.model.package import Package
from meterize.model.plan import Alternative, HookPlan, HookPoint, Selection
from meterize.model.report import Analysis, Mark, SliceFunction, SliceLine


def analysis(feature: int, rest: int, *, noticed: int, rest_noticed: int = 0) -> Analysis:
    code = CodeId(file="shop.py", qualname="[bold]pay", first_line=1)
    tests = tuple(f"f{number}" for number in range(feature))
    point = HookPoint(id="shop/pay/1", code=code, line=2, offset=2, digest="", why="", covers=tests[:noticed])
    plan = HookPlan(
        package="shop", distribution="shop", version="1", interpreter="", feature="pay", charge=Charge.ON_ENTRY,
        policy=Policy.ONCE, with_command="", without_command="", cwd="", slice_functions=(), hook_points=(point,),
        selection=Selection(feature_tests=tests, rest_tests=tuple(f"r{number}" for number in range(rest))),
        intersection=0, union=0, alternatives=(Alternative(code=code, line=3, feature_tests=1, rest_tests=0, why_not=""),),
    )  # fmt: skip
    lines = tuple(
        SliceLine(number=number, text=f"    line {number}", mark=mark, hooks=("shop/pay/1",) if number == 2 else ())
        for number, mark in enumerate((Mark.NONE, Mark.EVERY, Mark.SOME, *[Mark.NONE] * 60), 1)
    )
    function = SliceFunction(file="shop.py", qualname="[bold]pay", line=1, unique=2, total=9, lines=lines)
    package = Package(import_name="shop", distribution="shop", version="1", site=Path(), modules=())
    return Analysis(
        package=package, plan=plan, plan_path=Path("p"), replaced=False, functions=(function, replace(function, line=99)),
        warnings=(), seconds=0.0, rest_noticed=rest_noticed,
    )  # fmt: skip


def shown(found: Analysis, *, terminal: bool) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=100)
    show_sources(console, found)
    show_groups(console, found)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_hooks_runners_up_and_the_slice_are_marked() -> None:
    lines = shown(analysis(3, 4, noticed=3), terminal=False)
    assert lines[1] == "[bold]pay shop.py"
    assert lines[2:5] == ["        1     line 1", "◆ █     2     line 2", "◇ ▒     3     line 3"]
    assert "… 23 more lines" in lines[42]
    assert sum(line.startswith("[bold]pay") for line in lines) == 1


def test_a_pipe_gets_no_bars() -> None:
    found = analysis(30, 120, noticed=30)
    assert not any("pass a hook" in line for line in shown(found, terminal=False))
    bars = [line for line in shown(found, terminal=True) if "pass a hook" in line]
    assert bars == [
        " feature tests ████████                         30 of 30 pass a hook",
        "    rest tests ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 120 pass a hook",
    ]


@pytest.mark.parametrize(
    ("numbers", "feature", "rest"),
    [
        ((1000, 1000, 999, 1), "█" * 31 + "░", "█" + "░" * 31),  # what is there at all can be seen, and what is missing too
        ((2, 10_000, 2, 0), "█", "░" * 32),
        ((1, 0, 1, 0), "█" * 32, ""),
    ],
)
def test_small_numbers_are_not_rounded_away(numbers: tuple[int, int, int, int], feature: str, rest: str) -> None:
    of_feature, of_rest, noticed, rest_noticed = numbers
    found = analysis(of_feature, of_rest, noticed=noticed, rest_noticed=rest_noticed)
    bars = [line for line in shown(found, terminal=True) if "pass a hook" in line]
    assert [line[15:47].rstrip() for line in bars] == [feature, rest]
