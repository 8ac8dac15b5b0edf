"""Sorts the tests of both runs by what they execute, and says what moved and why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord, Executed, TestRecord, unite
from meterize.model.enumeration import first_few
from meterize.model.flow import Block, ControlFlowGraph

from .search import Score, Search, kulczynski, union_of
from .spots import Spot, Tests, both_sides, find_spots, named_spots, outside_as_test

_SHOWN: Final = 4
OUTSIDE: Final = "what ran outside the tests of --without (their import, shared fixtures)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One way into the feature: a place, how many tests of either command execute it, and its score (0 to 1); whether it also
    ran ``outside`` the tests of the rest."""

    code: CodeId
    line: int | None
    feature_tests: int
    rest_tests: int
    score: float
    outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinement:
    """Both runs with each test on the side where it belongs, the ids that moved, and why.

    ``moved_outside``: so is what ran outside the tests of the rest, since it takes a way in too.
    """

    with_run: CoverageRecord
    without_run: CoverageRecord
    moved_to_feature: tuple[str, ...]
    moved_to_rest: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    moved_outside: bool = False


def refine(
    with_run: CoverageRecord,
    without_run: CoverageRecord,
    graphs: Mapping[CodeId, ControlFlowGraph],
    named: Sequence[tuple[CodeId, Block]] = (),
    score: Score = kulczynski,
    veto: Executed | None = None,
) -> Refinement | None:
    """Sort the tests by what they execute; None where that changes nothing, or nothing can be said.

    ``graphs`` are those of the code objects that the feature tests execute. Where the user has ``named`` the places, whoever
    executes one of them uses the feature. What ran outside the tests of the rest is no place; or, given what else is none
    (``veto``), it is one more test of the rest, which may move as any other.
    """
    feature, rest = both_sides(with_run, without_run)
    tests = [*feature, *rest]
    if veto is not None or named:
        tests.append(outside_as_test(without_run))
    forbidden = without_run.outside if veto is None else veto
    places = named_spots(tests, named) if named else find_spots(tests, forbidden, graphs)
    asked = (1 << len(feature)) - 1
    sorting = Search(places, everyone=len(tests), score=score)
    ways = list(places) if named else sorting.settle(asked)
    users = union_of(ways)
    if users in (0, asked):
        return None
    return _sort(
        with_run,
        without_run,
        feature,
        rest,
        users,
        [_evidence(way, asked, places[way], sorting.rate(asked, way), len(feature) + len(rest)) for way in ways],
        forbidden,
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
    if refinement.moved_outside:
        sentences.append(f"{OUTSIDE} executes {taken_outside(refinement)} too: such an import is a use.")
    return tuple(sentences)


def taken_outside(refinement: Refinement) -> str:
    """The ways in that are taken outside the tests of the rest."""
    return " and ".join(f"{way.code.qualname} ({way.code.file}:{way.line})" for way in refinement.evidence if way.outside)


def doubt(refinement: Refinement) -> tuple[str, ...]:
    """A warning where most of the tests that the user named were sorted out: then it may be another feature that was found."""
    leaving = len(refinement.moved_to_rest)
    named = len(refinement.with_run.tests) - len(refinement.moved_to_feature) + leaving
    if 2 * leaving <= named:
        return ()
    sentence = (
        f"{leaving} of the {named} tests of --with were sorted to the rest: what is left may be another feature than the one"
        " that you named. Compare the places that were not chosen, or name one with --at."
    )
    return (sentence,)


def _count(tests: Sequence[str]) -> str:
    return f"{len(tests)} test{'s' * (len(tests) != 1)}"


def _some(tests: Sequence[str]) -> str:
    return f"({first_few(tests, _SHOWN)})"


def _evidence(way: Tests, asked: Tests, place: Spot, score: float, count: int) -> Evidence:
    """``count`` tests are real ones, what comes behind them is what ran outside."""
    own, outside = (way & asked).bit_count(), way >> count
    others = way.bit_count() - own - outside
    return Evidence(
        code=place.code,
        line=place.line,
        feature_tests=own,
        rest_tests=others,
        score=round(score, 3),
        outside=bool(outside),
    )


def _sort(
    with_run: CoverageRecord,
    without_run: CoverageRecord,
    feature: Sequence[TestRecord],
    rest: Sequence[TestRecord],
    users: Tests,
    evidence: Sequence[Evidence],
    veto: Executed,
) -> Refinement:
    stays = {test.id for number, test in enumerate(feature) if users >> number & 1}
    joins = {test.id for number, test in enumerate(rest, len(feature)) if users >> number & 1}
    leaving = tuple(test for test in feature if test.id not in stays)
    joining = tuple(test for test in rest if test.id in joins and without_run.proves(test))
    kept = tuple(test for test in with_run.tests if test.id in stays)
    others = tuple(test for test in without_run.tests if test.id not in joins)
    moves_outside = bool(users >> (len(feature) + len(rest)) & 1)
    if moves_outside:
        with_run = dataclasses.replace(with_run, outside=unite((with_run.outside, without_run.outside)))
        without_run = dataclasses.replace(without_run, outside=veto)
    return Refinement(
        with_run=dataclasses.replace(with_run, tests=(*kept, *joining)),
        without_run=dataclasses.replace(without_run, tests=(*others, *leaving)),
        moved_to_feature=tuple(dict.fromkeys(test.id for test in joining)),
        moved_to_rest=tuple(dict.fromkeys(test.id for test in leaving)),
        evidence=tuple(evidence),
        moved_outside=moves_outside,
    )
