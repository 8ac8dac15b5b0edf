"""Owns the minimum hitting set: the cheapest few sets that together hit everything that any of them hits.

Sets are masks. Costs are tuples of whole numbers ≥ 0, added up element by element and compared like any tuple, so that the
first element is the one that matters most. The problem is NP-hard (Karp, 1972); real ones are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Final, TypeAlias

Cost: TypeAlias = tuple[int, ...]

MAX_EXACT: Final = 12
"""Where the greedy answer has more sets than this, it stands."""

MAX_STEPS: Final = 20_000
"""The search gives up after so many steps, and the best answer so far stands: less than a second."""


def minimum_hitting_set(sets: Sequence[int], costs: Sequence[Cost]) -> tuple[int, ...]:
    """The indices of the chosen sets, ascending. Of answers that cost the same, the one found first in the given order."""
    goal = reduce(or_, sets, 0)
    useful = _undominated(sets, costs)
    forced = _forced(useful, sets, goal)
    rest = goal & ~reduce(or_, (sets[index] for index in forced), 0)
    greedy = _greedy(useful, sets, costs, rest)
    chosen = greedy if len(greedy) > MAX_EXACT else _Search(useful, sets, costs).improve(greedy, rest)
    return tuple(sorted((*forced, *chosen)))


def _undominated(sets: Sequence[int], costs: Sequence[Cost]) -> list[int]:
    """Without the sets that another one, no dearer, contains; cheapest first."""
    kept: list[int] = []
    for index in sorted(range(len(sets)), key=lambda index: (costs[index], index)):
        if sets[index] and not any(sets[index] & ~sets[other] == 0 for other in kept):
            kept.append(index)
    return kept


def _forced(useful: Sequence[int], sets: Sequence[int], goal: int) -> list[int]:
    """The sets that alone hit something: they are in every answer."""
    once = twice = 0
    for index in useful:
        twice |= once & sets[index]
        once |= sets[index]
    alone = goal & ~twice
    return [index for index in useful if sets[index] & alone]


def _greedy(useful: Sequence[int], sets: Sequence[int], costs: Sequence[Cost], goal: int) -> list[int]:
    """Always the set that hits most of what is left, the cheapest of those; then what proves superfluous goes."""
    chosen: list[int] = []
    rest = goal
    while rest:
        best = min(useful, key=lambda index: (-(sets[index] & rest).bit_count(), costs[index], index))
        chosen.append(best)
        rest &= ~sets[best]
    for index in sorted(chosen, key=lambda index: (costs[index], index), reverse=True):
        others = [other for other in chosen if other != index]
        if goal & ~reduce(or_, (sets[other] for other in others), 0) == 0:
            chosen = others
    return chosen


class _Search:
    """Branch and bound: take the element that the fewest sets hit, and try each of them."""

    def __init__(self, useful: Sequence[int], sets: Sequence[int], costs: Sequence[Cost]) -> None:
        self._useful = useful
        self._sets = sets
        self._costs = costs
        self._steps = 0
        self._best: list[int] = []
        self._best_cost: Cost = ()

    def improve(self, answer: list[int], goal: int) -> list[int]:
        """The best answer there is, or the best found within MAX_STEPS; never worse than the given one."""
        self._best = answer
        self._best_cost = self._sum(answer)
        self._descend([], goal)
        return self._best

    def _sum(self, chosen: Sequence[int]) -> Cost:
        return tuple(sum(column) for column in zip(*(self._costs[index] for index in chosen), strict=True))

    def _descend(self, chosen: list[int], rest: int) -> None:
        if not rest:
            if (cost := self._sum(chosen)) < self._best_cost:
                self._best, self._best_cost = list(chosen), cost
            return
        self._steps += 1
        if self._steps > MAX_STEPS or self._bound(chosen, rest) >= self._best_cost:
            return
        for index in self._branches(rest):
            self._descend([*chosen, index], rest & ~self._sets[index])

    def _bound(self, chosen: Sequence[int], rest: int) -> Cost:
        """What every answer that begins like this costs at least."""
        most = max((self._sets[index] & rest).bit_count() for index in self._useful)
        cheapest = min(self._costs[index][0] for index in self._useful)
        needed = -(-rest.bit_count() // most) * cheapest
        so_far = self._sum(chosen) if chosen else tuple(0 for _ in self._costs[0])
        return (so_far[0] + needed, *so_far[1:])

    def _branches(self, rest: int) -> list[int]:
        fewest: list[int] = []
        while rest:
            element = rest & -rest
            rest ^= element
            hitting = [index for index in self._useful if self._sets[index] & element]
            if not fewest or len(hitting) < len(fewest):
                fewest = hitting
        return fewest
