"""The search for the places whose tests are the users of the feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from .preference import Preference
from .spots import Spot, Tests

_THIN: Final = 0.09
"""Where the share of the users that execute the best place, times the share of users among all that do, is below this, the
two have nothing to do with each other, and nothing can be said (Ochiai's coefficient, squared)."""
_PURE: Final = 0.5
"""A further way in adds tests of which at least this share are feature tests already: else it is common ground."""
_FEW: Final = 0.15
"""A further way in that fewer of the feature tests take (by share, and fewer than two) is an accident."""
_WHOLE: Final = 0.9
"""A function's beginning stands for its best block, if its score is at least this share of the block's: a block in the
middle is passed or not for reasons of its own."""
_ROUNDS: Final = 10

Score: TypeAlias = Callable[[int, int, int, int], float]
"""How well a place goes with the feature, from four counts of tests: the users that execute it, all users, all that execute it,
and all there are. A score is from 0 to 1."""


def kulczynski(both: int, users: int, met: int, everyone: int) -> float:  # noqa: ARG001  # as Score has it
    """The mean of two shares: of the users that execute the place, and of users among all that do."""
    return (both / users + both / met) / 2


class Search:
    """The search for the places whose tests are the users."""

    def __init__(self, places: Mapping[Tests, Spot], *, everyone: int, score: Score) -> None:
        self._places = places
        self._everyone = everyone
        self._score = score
        self._preference = Preference(places, everyone)

    def settle(self, asked: Tests) -> list[Tests]:
        """The ways in, looked for again among the tests that they make users, until these stay."""
        users = asked
        ways: list[Tests] = []
        for _ in range(_ROUNDS):
            ways = self._ways_in(users)
            if union_of(ways) in (0, users):
                break
            users = union_of(ways)
        return ways

    def rate(self, users: Tests, met: Tests) -> float:
        """The score of a place that these tests execute."""
        return self._score((users & met).bit_count(), users.bit_count(), met.bit_count(), self._everyone)

    def _ways_in(self, users: Tests) -> list[Tests]:
        """The best place, then whatever further ones catch users that it misses, and hardly anybody else."""
        ways: list[Tests] = []
        reached = 0
        while left := users & ~reached:
            news = ((met & ~reached, met) for met in self._places)
            rated = [(self.rate(left, new), met) for new, met in news if new & left and _is_worth(new, users, ways)]
            best = self._preference.best(rated, left)
            if is_thin(left, best & ~reached):
                break
            whole = self._places[best].whole
            if whole != best and whole & left and _is_worth(whole & ~reached, users, ways):
                alike = self.rate(left, whole & ~reached) >= _WHOLE * self.rate(left, best & ~reached)
                best = whole if alike else best
            ways.append(best)
            reached |= best
        return ways


def _is_worth(new: Tests, users: Tests, ways: Sequence[Tests]) -> bool:
    if not ways:
        return True
    caught = (new & users).bit_count()
    return caught >= max(2, _FEW * users.bit_count()) and caught >= _PURE * new.bit_count()


def is_thin(users: Tests, met: Tests) -> bool:
    """Whether these users and those who execute a place have nothing to do with each other."""
    return not met or (users & met).bit_count() ** 2 < _THIN * users.bit_count() * met.bit_count()


def union_of(ways: Sequence[Tests]) -> Tests:
    """The tests that take one of these ways."""
    users = 0
    for way in ways:
        users |= way
    return users
