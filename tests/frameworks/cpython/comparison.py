"""Compares hooked runs of a test file with bare ones, test by test, and repeats those that differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .explanations import Explanations
from .runs import Run, run_file
from .trees import BARE, Tree

TRIES = 3
COUNTS = 2
"""A difference counts if it shows in so many of the tries, and never among as many bare runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A test that ended otherwise: outcomes of the bare runs and of the hooked ones; ``reason`` None if nothing explains it."""

    test: str
    bare: tuple[str, ...]
    hooked: tuple[str, ...]
    details: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One file in one way."""

    file: str
    way: str
    tests: tuple[str, ...]
    differences: tuple[Difference, ...]
    armed: int
    fired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What holds for a whole comparison."""

    trees: Mapping[str, Tree]
    explanations: Explanations
    version: str
    seconds: float


def compare_files(names: Sequence[str], conditions: Conditions, jobs: int, tell: Callable[[str], None]) -> list[Compared]:
    """Every file in every way but the bare one, ``jobs`` files at a time."""

    def compare(name: str) -> list[Compared]:
        found = compare_file(name, conditions)
        tell(name)
        return found

    with ThreadPoolExecutor(jobs) as lanes:
        return [one for found in lanes.map(compare, names) for one in found]


def compare_file(name: str, conditions: Conditions) -> list[Compared]:
    bare = [run_file(conditions.trees[BARE], name, conditions.seconds)]
    return [_compare(name, tree, bare, conditions) for way, tree in conditions.trees.items() if way != BARE]


def _compare(name: str, tree: Tree, bare: list[Run], conditions: Conditions) -> Compared:
    """Adds to the bare runs what it needs."""
    hooked = [run_file(tree, name, conditions.seconds)]

    def unexplained() -> list[str]:
        found = find_differences(bare, hooked)
        return [test for test in found if conditions.explanations.find(test, tree.way, conditions.version) is None]

    while len(hooked) < TRIES and unexplained():
        hooked.append(run_file(tree, name, conditions.seconds))
        if len(bare) < len(hooked):
            bare.append(run_file(conditions.trees[BARE], name, conditions.seconds))
    return Compared(
        file=name,
        way=tree.way,
        tests=tuple(sorted(all_tests([bare[0], hooked[0]]))),
        differences=tuple(_difference(test, tree.way, bare, hooked, conditions) for test in find_differences(bare, hooked)),
        armed=max(run.armed for run in hooked),
        fired=max(run.fired for run in hooked),
    )


def find_differences(bare: Sequence[Run], hooked: Sequence[Run]) -> list[str]:
    """Tests whose outcome in the hooked runs, but for one of several, is none that they have in a bare one."""
    needed = COUNTS if len(hooked) == TRIES else 1
    found = []
    for test in sorted(all_tests([*bare, *hooked])):
        usual = {run.outcome(test) for run in bare}
        if sum(run.outcome(test) not in usual for run in hooked) >= needed:
            found.append(test)
    return found


def all_tests(runs: Collection[Run]) -> set[str]:
    return {test for run in runs for test in run.outcomes}


def _difference(test: str, way: str, bare: Sequence[Run], hooked: Sequence[Run], conditions: Conditions) -> Difference:
    explanation = conditions.explanations.find(test, way, conditions.version)
    usual = {run.outcome(test) for run in bare}
    odd = next(run for run in hooked if run.outcome(test) not in usual)
    return Difference(
        test=test,
        bare=tuple(run.outcome(test) for run in bare),
        hooked=tuple(run.outcome(test) for run in hooked),
        details=odd.details.get(test, ""),
        reason=explanation.reason if explanation else None,
    )
