"""Owns the mending of a selection: who really uses the feature, judged by what the tests execute instead of by their names.

Spectrum-based localisation (Ochiai's coefficient, as Abreu, Zoeteweij & van Gemund, 2007, use it on test runs) finds the blocks
that go best with the user's feature tests; whoever executes them uses the feature; this is repeated to a fixed point. Pure.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final, TypeAlias

from .model.code import CodeId, InstructionMask
from .model.coverage import CoverageRecord, Outcome, TestRecord
from .model.flow import ControlFlowGraph

_WEAK: Final = 0.3
"""An Ochiai coefficient below this is no concentration: nothing can be said."""
_PURE: Final = 0.5
"""A further way in adds tests of which at least this share are feature tests already: else it is common ground."""
_FEW: Final = 0.04
"""A further way in that fewer of the feature tests take (by share, and fewer than two) is an accident."""
_ROUNDS: Final = 10
_SHOWN: Final = 4

_Tests: TypeAlias = int
"""A set of tests: bit *i* is the *i*-th of both runs, those of ``--with`` first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One way into the feature: a place, how many tests of either command execute it, and its Ochiai coefficient (0 to 1)."""

    code: CodeId
    line: int | None
    feature_tests: int
    rest_tests: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """Both runs with each test on the side where it belongs, the ids that moved, and why."""

    with_run: CoverageRecord
    without_run: CoverageRecord
    moved_to_feature: tuple[str, ...]
    moved_to_rest: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def refine(
    with_run: CoverageRecord, without_run: CoverageRecord, graphs: Mapping[CodeId, ControlFlowGraph]
) -> Refinement | None:
    """Sort the tests by what they execute; None where that changes nothing, or nothing can be said.

    ``graphs`` are those of the code objects that the feature tests execute.
    """
    shared = {test.id for test in without_run.tests}
    feature = [test for test in with_run.tests if test.outcome is not Outcome.SKIPPED and test.id not in shared]
    rest = [test for test in without_run.tests if test.outcome is not Outcome.SKIPPED]
    places = _places([*feature, *rest], without_run, graphs)
    asked = (1 << len(feature)) - 1
    ways = _settle(asked, places)
    users = _union(ways)
    if users in (0, asked):
        return None
    return _sort(with_run, without_run, feature, rest, users, [_evidence(way, asked, places[way]) for way in ways])


def explain(refinement: Refinement) -> tuple[str, ...]:
    """What is on the wrong side, by count and name, and what evidence says so; for people."""
    sentences: list[str] = []
    ways = " or ".join(
        f"{way.code.qualname} ({way.code.file}:{way.line}; {way.feature_tests} tests of --with, {way.rest_tests} of --without)"
        for way in refinement.evidence
    )
    if joining := refinement.moved_to_feature:
        sentences.append(f"{_count(joining)} of --without execute {ways}: they use the feature. {_named(joining)}")
    if leaving := refinement.moved_to_rest:
        sentences.append(f"{_count(leaving)} of --with never execute {ways}: they don't use the feature. {_named(leaving)}")
    return tuple(sentences)


def _count(tests: Sequence[str]) -> str:
    return f"{len(tests)} test{'s' * (len(tests) != 1)}"


def _named(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - _SHOWN} more" if len(tests) > _SHOWN else ""
    return f"({', '.join(tests[:_SHOWN])}{more})"


def _places(
    tests: Sequence[TestRecord], without_run: CoverageRecord, graphs: Mapping[CodeId, ControlFlowGraph]
) -> dict[_Tests, tuple[CodeId, int | None]]:
    """For each set of tests that meets somewhere, the first such place that a hook could stand at."""
    executed: dict[CodeId, list[tuple[InstructionMask, _Tests]]] = defaultdict(list)
    for number, test in enumerate(tests):
        for code, mask in test.executed.items():
            executed[code].append((mask, 1 << number))
    found: dict[_Tests, tuple[CodeId, int | None]] = {}
    for code, graph in sorted(graphs.items()):
        for line, bit in _hook_bits(graph, without_run.outside.get(code, 0)):
            met = sum(test for mask, test in executed[code] if mask & bit)
            found.setdefault(met, (code, line))
    found.pop(0, None)
    return found


def _hook_bits(graph: ControlFlowGraph, outside: InstructionMask) -> Iterator[tuple[int | None, InstructionMask]]:
    if graph.is_function:
        for block in graph.blocks:
            if block.hook_offset is not None and not (bit := 1 << (block.hook_offset >> 1)) & outside:
                yield block.line, bit


def _settle(asked: _Tests, places: Mapping[_Tests, object]) -> list[_Tests]:
    users = asked
    ways: list[_Tests] = []
    for _ in range(_ROUNDS):
        ways = _ways_in(users, places)
        if _union(ways) in (0, users):
            break
        users = _union(ways)
    return ways


def _ways_in(users: _Tests, places: Mapping[_Tests, object]) -> list[_Tests]:
    """The best place, then whatever further ones catch users that it misses, and hardly anybody else."""
    ways: list[_Tests] = []
    reached = 0
    while left := users & ~reached:
        rated = [(_ochiai(left, new), met) for met in places if (new := met & ~reached) & left and _is_worth(new, users, ways)]
        score, best = max(rated, default=(0.0, 0))
        if score < _WEAK:
            break
        ways.append(best)
        reached |= best
    return ways


def _is_worth(new: _Tests, users: _Tests, ways: Sequence[_Tests]) -> bool:
    if not ways:
        return True
    caught = (new & users).bit_count()
    return caught >= max(2, _FEW * users.bit_count()) and caught >= _PURE * new.bit_count()


def _ochiai(users: _Tests, met: _Tests) -> float:
    return (users & met).bit_count() / sqrt(users.bit_count() * met.bit_count())


def _union(ways: Sequence[_Tests]) -> _Tests:
    users = 0
    for way in ways:
        users |= way
    return users


def _evidence(way: _Tests, asked: _Tests, place: tuple[CodeId, int | None]) -> Evidence:
    code, line = place
    own = (way & asked).bit_count()
    return Evidence(
        code=code, line=line, feature_tests=own, rest_tests=way.bit_count() - own, score=round(_ochiai(asked, way), 3)
    )


def _sort(
    with_run: CoverageRecord,
    without_run: CoverageRecord,
    feature: Sequence[TestRecord],
    rest: Sequence[TestRecord],
    users: _Tests,
    evidence: Sequence[Evidence],
) -> Refinement:
    stays = {test.id for number, test in enumerate(feature) if users >> number & 1}
    joins = {test.id for number, test in enumerate(rest, len(feature)) if users >> number & 1}
    leaving = tuple(test for test in feature if test.id not in stays)
    joining = tuple(test for test in rest if test.id in joins)
    kept = tuple(test for test in with_run.tests if test.id in stays)
    others = tuple(test for test in without_run.tests if test.id not in joins)
    return Refinement(
        with_run=dataclasses.replace(with_run, tests=(*kept, *joining)),
        without_run=dataclasses.replace(without_run, tests=(*others, *leaving)),
        moved_to_feature=tuple(dict.fromkeys(test.id for test in joining)),
        moved_to_rest=tuple(dict.fromkeys(test.id for test in leaving)),
        evidence=tuple(evidence),
    )
