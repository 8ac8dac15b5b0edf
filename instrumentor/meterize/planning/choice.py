"""Owns the choice: a minimum hitting set over the feature tests, of the best places there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from meterize.model.code import NAMELESS, CodeId
from meterize.model.feature import Charge
from meterize.model.flow import ControlFlowGraph
from meterize.model.plan import Alternative, HookPoint
from meterize.model.slice import FeatureSlice, size

from .alternatives import list_alternatives
from .candidates import Candidate, find_candidates
from .entrances import Entrances
from .hitting_set import minimum_hitting_set
from .places import TestMask
from .reasons import explain, hardly_unique, nothing_unique, warn

_FEWEST: Final = 2
_FEW: Final = 0.1
"""A way in that fewer feature tests take (by number, by share) is an accident, and needs no hook of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The hook points, the one that most feature tests pass first; ``uncovered`` are the feature tests that none of them
    notices, ``alternatives`` the runners-up."""

    hook_points: tuple[HookPoint, ...]
    alternatives: tuple[Alternative, ...]
    warnings: tuple[str, ...]
    uncovered: tuple[str, ...]


def choose_hook_points(
    feature_slice: FeatureSlice,
    graphs: Mapping[CodeId, ControlFlowGraph],
    *,
    feature: str,
    distribution: str,
    charge: Charge,
    executed_tests: tuple[str, ...],
    named: Sequence[Candidate] = (),
    max_hooks: int | None = None,
) -> Choice:
    """The fewest places that notice every feature test that can be noticed, and no rest test; at least half of the former.

    On success the work is chosen by where it begins, just the same, and its ends are hooked: tests that only show how it fails
    are not noticed.

    ``graphs`` are those of the slice's code objects; one without a graph is passed over. ``executed_tests`` are the feature
    tests that were not skipped. ``named`` are taken instead, where there are any; of all others the best ``max_hooks``.
    Raises NothingFound.
    """
    entrances = Entrances(feature_slice, graphs, executed_tests)
    candidates = find_candidates(feature_slice, graphs, executed_tests, charge, entrances)
    if not candidates and not named:
        raise nothing_unique(feature_slice, distribution, charge)
    count, most = len(executed_tests), size(feature_slice.union)
    own = _cheapest(candidates, _common(entrances, count), entrances, count, most)
    if not named and 2 * reduce(or_, (candidate.tests for candidate in own)).bit_count() < count:
        raise hardly_unique(own, executed_tests)
    chosen = list(named) or _bounded(own, candidates, max_hooks)
    places = [(candidate, place) for candidate in chosen for place in candidate.places]
    hook_points = tuple(
        HookPoint(
            id=f"{distribution}/{feature}/{number}",
            code=candidate.graph.code,
            line=place.line,
            offset=place.offset,
            digest=candidate.graph.digest,
            why=explain(candidate, place, tests=count, charge=charge, is_named=bool(named)),
            covers=_named(executed_tests, place.tests),
            fires=candidate.fires(place),
        )
        for number, (candidate, place) in enumerate(places, 1)
    )
    return Choice(
        hook_points=hook_points,
        alternatives=list_alternatives([*own, *candidates] if named else candidates, chosen, count, most),
        warnings=warn(chosen, candidates, executed_tests),
        uncovered=_named(executed_tests, ~reduce(or_, (candidate.noticed for candidate in chosen))),
    )


def _bounded(own: list[Candidate], candidates: Sequence[Candidate], max_hooks: int | None) -> list[Candidate]:
    """The choice itself, or where it is too large as many as may be that most tests pass together (greedy, so within 1 - 1/e of
    the most: Nemhauser, Wolsey & Fisher, 1978)."""
    if max_hooks is None or len(own) <= max_hooks:
        return own
    chosen: list[Candidate] = []
    covered = 0
    for _ in range(max_hooks):
        best = max(candidates, key=lambda candidate: ((candidate.tests & ~covered).bit_count(), candidate in own))
        if not best.tests & ~covered:
            break
        chosen.append(best)
        covered |= best.tests
    return chosen


def _common(entrances: Entrances, tests: int) -> dict[CodeId, TestMask]:
    """The ways in that are no accident, with their tests."""
    enough = max(_FEWEST, _FEW * tests)
    ways_in = entrances.ways_in().items()
    return {code: mask for code, mask in ways_in if mask.bit_count() >= enough and code.obscurity < NAMELESS}


def _cheapest(
    candidates: Sequence[Candidate], ways_in: Mapping[CodeId, TestMask], entrances: Entrances, tests: int, most: int
) -> list[Candidate]:
    """A minimum hitting set: each test passes one of them; and so does, for each way in, each test that takes it, except where
    others are always passed before.

    Of candidates that hit the same only the best counts: any answer may use it instead.
    """
    ways = sorted(set(ways_in.values()))
    best: dict[int, Candidate] = {}
    for candidate in sorted(candidates, key=lambda candidate: (candidate.cost(most), candidate.order)):
        notices = sum(1 << number for number, way in enumerate(ways, tests) if not way & ~candidate.tests)
        best.setdefault(candidate.tests | notices, candidate)
    rivals = list(best.values())
    chosen = minimum_hitting_set(list(best), [rival.cost(most) for rival in rivals])
    answer = sorted((rivals[index] for index in chosen), key=lambda candidate: (-candidate.tests.bit_count(), candidate.order))
    for candidate in reversed(answer):
        others = [other for other in answer if other is not candidate]
        if _is_noticed(candidate, others, entrances):
            answer = others
    return answer


def _is_noticed(candidate: Candidate, others: Sequence[Candidate], entrances: Entrances) -> bool:
    """Whether in each of its tests another one has been passed before: a further step of the same use."""
    entrance = entrances.of(candidate.graph.code)
    before = (entrances.of(other.graph.code).comes_first(entrance) for other in others if other.whole)
    return candidate.whole and not candidate.tests & ~reduce(or_, before, 0)


def _named(tests: Sequence[str], mask: TestMask) -> tuple[str, ...]:
    return tuple(test for number, test in enumerate(tests) if mask >> number & 1)
