"""Compares hooked runs of a test file with bare ones, test by test, and repeats those that differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.frameworks.differences import Difference, Judge, all_tests
from tests.frameworks.explanations import Explanations
from tests.frameworks.runs import Run
from tests.frameworks.ways import BARE

from .runs import run_file
from .trees import Tree


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
    judge = Judge(explanations=conditions.explanations, way=tree.way, version=conditions.version)
    hooked = [run_file(tree, name, conditions.seconds)]
    differences = judge.repeat(
        bare,
        hooked,
        lambda: run_file(conditions.trees[BARE], name, conditions.seconds),
        lambda: run_file(tree, name, conditions.seconds),
    )
    return Compared(
        file=name,
        way=tree.way,
        tests=tuple(sorted(all_tests([bare[0], hooked[0]]))),
        differences=differences,
        armed=max(run.armed for run in hooked),
        fired=max(run.fired for run in hooked),
    )
