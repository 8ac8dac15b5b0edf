"""Compares hooked runs of a suite with bare ones, test by test, and with each other, hook by hook; repeats what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.frameworks.differences import Difference, Judge, all_tests
from tests.frameworks.explanations import Explanations
from tests.frameworks.ways import BARE

from .environments import Lab, make_environment, plant
from .runs import SuiteRun, run_suite
from .suites import Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What holds for a whole comparison."""

    ways: tuple[str, ...]
    folder: Path
    explanations: Explanations
    version: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One suite in one way. ``failed`` counts tests that fail bare, too; ``broken`` says what makes it worthless."""

    suite: str
    release: str
    way: str
    hooks: int
    tests: tuple[str, ...]
    failed: int
    differences: tuple[Difference, ...]
    armed: int
    fired: int
    refused: tuple[str, ...]
    lost: tuple[str, ...]
    broken: tuple[str, ...]


def compare_suites(suites: Sequence[Suite], conditions: Conditions, jobs: int, tell: Callable[[str], None]) -> list[Compared]:
    """Every suite in every way, ``jobs`` suites at a time."""

    def compare(suite: Suite) -> list[Compared]:
        found = compare_suite(suite, conditions)
        tell(suite.name)
        return found

    with ThreadPoolExecutor(jobs) as lanes:
        return [one for found in lanes.map(compare, suites) for one in found]


def compare_suite(suite: Suite, conditions: Conditions) -> list[Compared]:
    made = make_environment(suite, conditions.folder)
    labs = plant(made, suite, (BARE, *conditions.ways))
    runs = {BARE: [run_suite(labs[BARE], conditions.seconds)]}
    return [_compare(labs[way], labs[BARE], runs, conditions) for way in conditions.ways]


def _compare(lab: Lab, untouched: Lab, runs: dict[str, list[SuiteRun]], conditions: Conditions) -> Compared:
    """Adds its runs to those there are, and bare ones if it needs them."""
    way, bare = lab.way, runs[BARE]
    judge = Judge(explanations=conditions.explanations, way=way, version=conditions.version)
    hooked = runs[way] = [run_suite(lab, conditions.seconds)]
    differences = judge.repeat(
        bare,
        hooked,
        lambda: run_suite(untouched, conditions.seconds),
        lambda: run_suite(lab, conditions.seconds),
        is_doubtful=lambda: bool(find_lost(runs, way)),
    )
    assert lab.saturation is not None
    return Compared(
        suite=lab.suite.name,
        release=lab.suite.release,
        way=way,
        hooks=lab.saturation.hooks,
        tests=tuple(sorted(_tests([bare[0], hooked[0]]))),
        failed=sum(bare[0].outcomes[test] in {"failed", "error"} for test in _tests(bare[:1])),
        differences=differences,
        armed=max(run.armed for run in hooked),
        fired=max(run.fired for run in hooked),
        refused=tuple(f"{one.file}: {one.qualname}: {one.reason}" for one in lab.saturation.refused),
        lost=tuple(sorted(find_lost(runs, way))),
        broken=tuple(_broken(lab, bare, hooked)),
    )


def find_lost(runs: Mapping[str, Sequence[SuiteRun]], way: str) -> frozenset[str]:
    """Hooks that went away without a use counted: those that stay counted one in every run, these in none."""
    if way != "once" or "every" not in runs:
        return frozenset()
    counted = frozenset.intersection(*(run.used for run in runs["every"]))
    return counted.difference(*(run.used for run in runs[way]))


def _tests(runs: Sequence[SuiteRun]) -> set[str]:
    """Without the lines about warnings and how all ended."""
    return {test for test in all_tests(runs) if not test.endswith((" (warning)", "(session)", "(process)"))}


def _broken(lab: Lab, bare: Sequence[SuiteRun], hooked: Sequence[SuiteRun]) -> list[str]:
    """What would make equal outcomes say nothing: no tests, hooks that were not there, or did not fire."""
    found = [f"{name} was changed by a test" for name in lab.changed_files()]
    if not any(bare[0].outcomes[test] == "passed" for test in _tests(bare[:1])):
        found.append(f"no test passed: {bare[0].details.get(f'{lab.suite.name}: (process)', '')}")
    if any(lab.has_runtime != bool(run.fired) for run in hooked):
        found.append(f"{hooked[0].fired} of {hooked[0].armed} hooks fired")
    return found
