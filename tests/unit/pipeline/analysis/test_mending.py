"""What ran outside the tests, and may be sorted to the feature: when the package is imported alone, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from meterize.flow import build_graph
from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord, Outcome, TestRecord
from meterize.model.plan import HookPoint, Selection
from meterize.pipeline.analysis.imports import Imported, import_nothing
from meterize.pipeline.analysis.mending import doubt_rest, mend, name_outside

SOURCE = "def shared(): pass\ndef make(): pass\ndef use(): pass\n"
CODES = [const for const in compile(SOURCE, "pkg/m.py", "exec").co_consts if hasattr(const, "co_name")]
IDS = {code.co_name: CodeId(file="pkg/m.py", qualname=code.co_name, first_line=code.co_firstlineno) for code in CODES}
GRAPHS = {IDS[code.co_name]: build_graph("pkg/m.py", code) for code in CODES}
ALL = (1 << 64) - 1


def run(outside: str = "", **tests: tuple[str, int]) -> CoverageRecord:
    """By prefix of their ids: what tests call, and how many there are."""
    records = tuple(
        TestRecord(id=f"{name}{number}", outcome=Outcome.PASSED, executed={IDS[called]: ALL for called in calls.split()})
        for name, (calls, count) in tests.items()
        for number in range(count)
    )
    at_import = {IDS[called]: ALL for called in outside.split()}
    return CoverageRecord(command="", tests=records, outside=at_import, exit_code=0, seconds=0.0)


class Alone:
    """The import of the package runs these functions, or fails (None); it counts how often it is asked for."""

    def __init__(self, runs: str | None) -> None:
        self._executed = None if runs is None else {IDS[name]: ALL for name in runs.split()}
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, files: Iterable[str]) -> Imported:
        self.asked.append(tuple(files))
        return Imported(statement="import pkg, pkg.m", executed=self._executed)


FEATURE = run(f=("shared make", 8))
REST = run("make", r=("shared", 90), u=("make", 1))


def test_it_is_moved_where_the_package_alone_does_not_run_it() -> None:
    alone = Alone("shared")
    refinement, advice = mend({"with": FEATURE, "without": REST}, GRAPHS, (), alone)
    assert refinement is not None
    assert (refinement.moved_outside, refinement.moved_to_feature, advice) == (True, ("u0",), ())
    assert alone.asked == [("pkg/m.py",)]


@pytest.mark.parametrize(
    ("alone", "why"),
    [
        (Alone("make"), "but `import pkg, pkg.m` alone runs it, and"),
        (Alone(None), "imported too (whether `import pkg, pkg.m` alone does that is not known: it fails), and"),
        (import_nothing, "but ran while tests were imported too, and"),
    ],
)
def test_it_stays_where_the_package_alone_runs_it_or_nobody_knows(alone: Alone, why: str) -> None:
    refinement, [sentence] = mend({"with": FEATURE, "without": REST}, GRAPHS, (), alone)
    assert refinement is None
    assert f"make (pkg/m.py:2) agrees best with the selection (8 tests of --with, 1 of --without), {why}" in sentence.replace(
        "but ran while tests were imported too (", "imported too ("
    )


def test_what_is_made_at_import_and_used_in_tests_is_no_use() -> None:
    """As decorators make it: the users among the rest pass its use, and would be missed."""
    with_run = run(f=("shared make use", 6), g=("shared make", 2))
    without_run = run("make", r=("shared", 90), u=("shared use", 5))
    refinement, [sentence] = mend({"with": with_run, "without": without_run}, GRAPHS, (), Alone(""))
    assert refinement is not None
    assert [way.code for way in refinement.evidence] == [IDS["use"]]
    assert "(where it made what tests use)" in sentence


def test_nobody_imports_anything_where_that_changes_nothing() -> None:
    alone = Alone("")
    mend({"with": FEATURE, "without": run("shared", r=("shared", 90), u=("make", 1))}, GRAPHS, (), alone)
    mend({"with": run(f=("make use", 8)), "without": REST}, GRAPHS, (), alone)
    block = next(block for block in GRAPHS[IDS["make"]].blocks if block.hook_offset is not None)
    named, _ = mend({"with": FEATURE, "without": REST}, GRAPHS, [(IDS["make"], block)], alone)
    assert alone.asked == []
    assert named is not None
    assert named.moved_outside


def point(name: str) -> HookPoint:
    [offset] = [block.hook_offset for block in GRAPHS[IDS[name]].blocks if block.hook_offset is not None]
    return HookPoint(
        id="pkg/f/1", code=IDS[name], line=2, offset=offset, digest="0" * 64, why="", covers=()
    )  # fmt: skip


def test_what_is_said_of_hooks_that_are_passed_outside() -> None:
    runs = {"with": run("use", f=("make", 1)), "without": REST}
    moved, _ = mend({"with": FEATURE, "without": REST}, GRAPHS, (), Alone(""))
    [sentence] = name_outside([point("make")], runs, moved)
    assert "it passes make (pkg/m.py:2), so that such an import is a use" in sentence
    [sentence] = name_outside([point("use")], runs, moved)
    assert "since it executes make (pkg/m.py:2): it passes no hook" in sentence
    [sentence] = name_outside([point("make")], runs, None)
    assert "passes make (pkg/m.py:2) too: verify will tell" in sentence
    [sentence] = name_outside([point("use")], runs, None)
    assert sentence.startswith("while the tests of --with are imported, use (pkg/m.py:2) is passed too")
    assert [*name_outside([point("shared")], runs, None)] == []


@pytest.mark.parametrize(
    ("feature", "rest", "told"),
    [(40, 10, ""), (41, 10, "only 10 rest tests stand against 41"), (1, 1, ""), (5, 1, "only one rest test stands against 5")],
)
def test_a_rest_of_few_tests_is_doubted(feature: int, rest: int, told: str) -> None:
    selection = Selection(feature_tests=("f",) * feature, rest_tests=("r",) * rest)
    said = "".join(doubt_rest(selection))
    assert said.startswith(told)
    assert bool(said) is bool(told)
