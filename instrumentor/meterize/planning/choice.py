"""Owns the choice: a minimum hitting set over the feature tests, of the best places there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from meterize.model.code import CodeId
from meterize.model.feature import Charge
from meterize.model.flow import ControlFlowGraph
from meterize.model.plan import HookPoint
from meterize.model.slice import FeatureSlice, size

from .candidates import Candidate, find_candidates
from .hitting_set import minimum_hitting_set
from .places import TestMask
from .reasons import explain, nothing_unique, warn


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The hook points in the order of files and lines; ``uncovered`` are the feature tests that none of them notices."""

    hook_points: tuple[HookPoint, ...]
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
) -> Choice:
    """The fewest places that notice every feature test that can be noticed, and no rest test.

    On success the work is chosen by where it begins, just the same, and its ends are hooked: tests that only show how it fails
    are not noticed.

    ``graphs`` are those of the slice's code objects; one without a graph is passed over. ``executed_tests`` are the feature
    tests that were not skipped. Raises NothingFound.
    """
    candidates = find_candidates(feature_slice, graphs, executed_tests, charge)
    if not candidates:
        raise nothing_unique(feature_slice, distribution, charge)
    chosen = _cheapest(candidates, size(feature_slice.union))
    uncovered = _named(executed_tests, ~reduce(or_, (candidate.noticed for candidate in chosen)))
    places = [(candidate, place) for candidate in chosen for place in candidate.places]
    hook_points = tuple(
        HookPoint(
            id=f"{distribution}/{feature}/{number}",
            code=candidate.graph.code,
            line=place.line,
            offset=place.offset,
            digest=candidate.graph.digest,
            why=explain(candidate, place, tests=len(executed_tests), charge=charge),
            covers=_named(executed_tests, place.tests),
        )
        for number, (candidate, place) in enumerate(places, 1)
    )
    return Choice(hook_points=hook_points, warnings=warn(chosen, executed_tests), uncovered=uncovered)


def _cheapest(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """A minimum hitting set. Of candidates that the same tests pass only the best counts: any answer may use it instead."""
    best: dict[TestMask, Candidate] = {}
    for candidate in sorted(candidates, key=lambda candidate: (candidate.cost(most), candidate.order)):
        best.setdefault(candidate.tests, candidate)
    rivals = list(best.values())
    chosen = minimum_hitting_set([rival.tests for rival in rivals], [rival.cost(most) for rival in rivals])
    return sorted((rivals[index] for index in chosen), key=lambda candidate: candidate.order)


def _named(tests: Sequence[str], mask: TestMask) -> tuple[str, ...]:
    return tuple(test for number, test in enumerate(tests) if mask >> number & 1)
