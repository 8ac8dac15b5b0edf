"""Owns the mending of a selection: who really uses the feature, judged by what the tests execute instead of by their names.

Spectrum-based localisation finds the block that goes best with the user's feature tests; whoever executes it uses the feature;
this is repeated to a fixed point. The score is Kulczyński's second coefficient, as Naish, Lee & Ramamohanarao (2011) list it
among those used for that: docs/placement.md compares it with others. Pure.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import fmean
from typing import Final, TypeAlias

from .model.code import PRIVATE, CodeId, InstructionMask
from .model.coverage import CoverageRecord, Outcome, TestRecord
from .model.flow import Block, ControlFlowGraph

_THIN: Final = 0.09
"""Where the share of the users that execute the best place, times the share of users among all that do, is below this, the
two have nothing to do with each other, and nothing can be said (Ochiai's coefficient, squared)."""
_PURE: Final = 0.5
"""A further way in adds tests of which at least this share are feature tests already: else it is common ground."""
_FEW: Final = 0.1
"""A further way in that fewer of the feature tests take (by share, and fewer than two) is an accident."""
_WHOLE: Final = 0.9
"""A function's beginning stands for its best block, if its score is at least this share of the block's: a block in the
middle is passed or not for reasons of its own."""
_NEAR: Final = 0.95
"""Scores that differ by less than this are alike: a private function yields to one that users of the package may name."""
_SAME: Final = 0.99
"""Two places that agree in so many of their tests tell the same; the one that is entered first tells it best."""
_ROUNDS: Final = 10
_SHOWN: Final = 4

_Tests: TypeAlias = int
"""A set of tests: bit *i* is the *i*-th of both runs, those of ``--with`` first."""

Score: TypeAlias = Callable[[int, int, int, int], float]
"""How well a place goes with the feature, from four counts of tests: the users that execute it, all users, all that execute it,
and all there are. A score is from 0 to 1."""


def kulczynski(both: int, users: int, met: int, everyone: int) -> float:  # noqa: ARG001  # as Score has it
    """The mean of two shares: of the users that execute the place, and of users among all that do."""
    return (both / users + both / met) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One way into the feature: a place, how many tests of either command execute it, and its score (0 to 1)."""

    code: CodeId
    line: int | None
    feature_tests: int
    rest_tests: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spot:
    """A place that a hook could stand at; ``whole`` are the tests that enter its function, if they all meet a place there.
    ``turns``: how many functions a test enters before its function, by test."""

    code: CodeId
    line: int | None
    whole: _Tests
    turns: Mapping[int, int] = field(default_factory=dict)

    def turn(self, tests: _Tests) -> float:
        """Its turn on average, in these tests."""
        return fmean([turn for test, turn in self.turns.items() if tests >> test & 1] or [inf])


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """Both runs with each test on the side where it belongs, the ids that moved, and why."""

    with_run: CoverageRecord
    without_run: CoverageRecord
    moved_to_feature: tuple[str, ...]
    moved_to_rest: tuple[str, ...]
    evidence: tuple[Evidence, ...]


def refine(
    with_run: CoverageRecord,
    without_run: CoverageRecord,
    graphs: Mapping[CodeId, ControlFlowGraph],
    named: Sequence[tuple[CodeId, Block]] = (),
    score: Score = kulczynski,
) -> Refinement | None:
    """Sort the tests by what they execute; None where that changes nothing, or nothing can be said.

    ``graphs`` are those of the code objects that the feature tests execute. Where the user has ``named`` the places, whoever
    executes one of them uses the feature.
    """
    shared = {test.id for test in without_run.tests}
    feature = [test for test in with_run.tests if with_run.proves(test) and test.id not in shared]
    rest = [test for test in without_run.tests if test.outcome is not Outcome.SKIPPED]
    places = _places([*feature, *rest], without_run, graphs)
    asked = (1 << len(feature)) - 1
    if named:
        places = _named_places([*feature, *rest], named)
    sorting = _Sorting(places, everyone=len(feature) + len(rest), score=score)
    ways = list(places) if named else sorting.settle(asked)
    users = _union(ways)
    if users in (0, asked):
        return None
    return _sort(
        with_run,
        without_run,
        feature,
        rest,
        users,
        [_evidence(way, asked, places[way], sorting.rate(asked, way)) for way in ways],
    )


def explain(refinement: Refinement) -> tuple[str, ...]:
    """What is on the wrong side, by count and name, and what evidence says so; for people."""
    sentences: list[str] = []
    ways = " or ".join(
        f"{way.code.qualname} ({way.code.file}:{way.line}; {way.feature_tests} tests of --with, {way.rest_tests} of --without)"
        for way in refinement.evidence
    )
    if joining := refinement.moved_to_feature:
        sentences.append(f"{_count(joining)} of --without execute {ways}: they use the feature. {_some(joining)}")
    if leaving := refinement.moved_to_rest:
        sentences.append(f"{_count(leaving)} of --with never execute {ways}: they don't use the feature. {_some(leaving)}")
    return tuple(sentences)


def _count(tests: Sequence[str]) -> str:
    return f"{len(tests)} test{'s' * (len(tests) != 1)}"


def _some(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - _SHOWN} more" if len(tests) > _SHOWN else ""
    return f"({', '.join(tests[:_SHOWN])}{more})"


def _places(
    tests: Sequence[TestRecord], without_run: CoverageRecord, graphs: Mapping[CodeId, ControlFlowGraph]
) -> dict[_Tests, _Spot]:
    """For each set of tests that meets somewhere, the best place for a hook there: public, then a function's beginning."""
    executed: dict[CodeId, list[tuple[InstructionMask, _Tests]]] = defaultdict(list)
    for number, test in enumerate(tests):
        for code, mask in test.executed.items():
            executed[code].append((mask, 1 << number))
    turns = _turns(tests)
    found: dict[_Tests, tuple[tuple[bool, bool, int], _Spot]] = {}
    for code, graph in sorted(graphs.items()):
        whole = 0
        for is_beginning, line, bit in _hook_bits(graph, without_run.outside.get(code, 0)):
            met = sum(test for mask, test in executed[code] if mask & bit)
            whole = met if is_beginning else whole
            rank = (code.obscurity >= PRIVATE, not is_beginning, code.obscurity)
            if met and (met not in found or rank < found[met][0]):
                found[met] = rank, _Spot(code=code, line=line, whole=whole, turns=turns.get(code, {}))
    return {met: spot for met, (_, spot) in found.items()}


def _turns(tests: Sequence[TestRecord]) -> dict[CodeId, dict[int, int]]:
    found: dict[CodeId, dict[int, int]] = defaultdict(dict)
    for number, test in enumerate(tests):
        for turn, call in enumerate(test.calls):
            found[call.code][number] = turn
    return found


def _named_places(tests: Sequence[TestRecord], named: Sequence[tuple[CodeId, Block]]) -> dict[_Tests, _Spot]:
    found: dict[_Tests, _Spot] = {}
    for code, block in named:
        bit = 1 << ((block.hook_offset or 0) >> 1)
        met = sum(1 << number for number, test in enumerate(tests) if test.executed.get(code, 0) & bit)
        found[met] = _Spot(code=code, line=block.line, whole=met)
    return found


def _hook_bits(graph: ControlFlowGraph, outside: InstructionMask) -> Iterator[tuple[bool, int | None, InstructionMask]]:
    if graph.is_function:
        for block in graph.blocks:
            if block.hook_offset is not None and not (bit := 1 << (block.hook_offset >> 1)) & outside:
                yield graph.begins_with(block), block.line, bit


class _Sorting:
    """The search for the places whose tests are the users."""

    def __init__(self, places: Mapping[_Tests, _Spot], *, everyone: int, score: Score) -> None:
        self._places = places
        self._everyone = everyone
        self._score = score

    def settle(self, asked: _Tests) -> list[_Tests]:
        """The ways in, looked for again among the tests that they make users, until these stay."""
        users = asked
        ways: list[_Tests] = []
        for _ in range(_ROUNDS):
            ways = self._ways_in(users)
            if _union(ways) in (0, users):
                break
            users = _union(ways)
        return ways

    def rate(self, users: _Tests, met: _Tests) -> float:
        """The score of a place that these tests execute."""
        return self._score((users & met).bit_count(), users.bit_count(), met.bit_count(), self._everyone)

    def _ways_in(self, users: _Tests) -> list[_Tests]:
        """The best place, then whatever further ones catch users that it misses, and hardly anybody else."""
        ways: list[_Tests] = []
        reached = 0
        while left := users & ~reached:
            news = ((met & ~reached, met) for met in self._places)
            rated = [(self.rate(left, new), met) for new, met in news if new & left and _is_worth(new, users, ways)]
            best = self._best(rated)
            if _is_thin(left, best & ~reached):
                break
            whole = self._places[best].whole
            if whole != best and whole & left and _is_worth(whole & ~reached, users, ways):
                alike = self.rate(left, whole & ~reached) >= _WHOLE * self.rate(left, best & ~reached)
                best = whole if alike else best
            ways.append(best)
            reached |= best
        return ways

    def _best(self, rated: Sequence[tuple[float, _Tests]]) -> _Tests:
        if not rated:
            return 0
        top = max(score for score, _ in rated)
        alike = [(self._is_obscure(met), -score, -met) for score, met in rated if score >= _NEAR * top]
        best = -min(alike)[2]
        same = [met for _, met in rated if _similarity(met, best) >= _SAME and self._is_obscure(met) <= self._is_obscure(best)]
        return min(same, key=lambda met: (self._places[met].turn(met & best), met != best))

    def _is_obscure(self, met: _Tests) -> bool:
        return self._places[met].code.obscurity >= PRIVATE


def _similarity(one: _Tests, other: _Tests) -> float:
    return (one & other).bit_count() / (one | other).bit_count()


def _is_worth(new: _Tests, users: _Tests, ways: Sequence[_Tests]) -> bool:
    if not ways:
        return True
    caught = (new & users).bit_count()
    return caught >= max(2, _FEW * users.bit_count()) and caught >= _PURE * new.bit_count()


def _is_thin(users: _Tests, met: _Tests) -> bool:
    return not met or (users & met).bit_count() ** 2 < _THIN * users.bit_count() * met.bit_count()


def _union(ways: Sequence[_Tests]) -> _Tests:
    users = 0
    for way in ways:
        users |= way
    return users


def _evidence(way: _Tests, asked: _Tests, place: _Spot, score: float) -> Evidence:
    own = (way & asked).bit_count()
    return Evidence(
        code=place.code, line=place.line, feature_tests=own, rest_tests=way.bit_count() - own, score=round(score, 3)
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
    joining = tuple(test for test in rest if test.id in joins and without_run.proves(test))
    kept = tuple(test for test in with_run.tests if test.id in stays)
    others = tuple(test for test in without_run.tests if test.id not in joins)
    return Refinement(
        with_run=dataclasses.replace(with_run, tests=(*kept, *joining)),
        without_run=dataclasses.replace(without_run, tests=(*others, *leaving)),
        moved_to_feature=tuple(dict.fromkeys(test.id for test in joining)),
        moved_to_rest=tuple(dict.fromkeys(test.id for test in leaving)),
        evidence=tuple(evidence),
    )
