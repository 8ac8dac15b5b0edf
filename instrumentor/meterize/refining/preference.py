"""Which of several places that score alike tells the users: what numbers cannot decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from meterize.model.code import PRIVATE

from .spots import Spot, Tests

_NEAR: Final = 0.95
"""Scores that differ by less than this are alike."""
_COMMON: Final = 0.25
"""What more than this share of all tests execute is common ground, and no reason to keep a test among the users."""
_SAME: Final = 0.99
"""Two places that agree in so many of their tests tell the same."""

Rated = Sequence[tuple[float, Tests]]


class Preference:
    """Among places that are alike: a public one, then the one that loses fewest of the users, then the one entered first."""

    def __init__(self, places: Mapping[Tests, Spot], everyone: int) -> None:
        self._places = places
        self._everyone = everyone

    def best(self, rated: Rated, users: Tests) -> Tests:
        """The place to take, as the tests that meet there; 0 if there is none. ``rated`` are scores and places."""
        if not rated:
            return 0
        top, _ = max(rated)
        alike = [(score, met) for score, met in rated if score >= _NEAR * top]
        named = [(score, met) for score, met in alike if not self._is_private(met)] or alike
        score, best = self._used(named)
        kin = [(rate, met) for rate, met in rated if self._is_kin(met, best)]
        best = self._faithful(kin, users, score, best)
        same = [met for _, met in kin if _similarity(met, best) >= _SAME]
        return min(same, key=lambda met: (self._places[met].turn(met & best), met != best))

    def _used(self, named: Rated) -> tuple[float, Tests]:
        """The highest score; but a constructor yields to a function that tests enter several times no more often: what is made
        is made to be used."""
        score, best = max(named)
        spot = self._places[best]
        if spot.code.obscurity == 0:
            return score, best
        uses = [one for one in named if self._places[one[1]].code.obscurity == 0 and self._places[one[1]].often <= spot.often]
        return max(uses, default=(score, best))

    def _faithful(self, kin: Rated, users: Tests, score: float, best: Tests) -> Tests:
        """A place that loses fewer of the users, for their selection means something; one test more or less is noise."""
        noise = 1 / (2 * users.bit_count())
        level = [
            ((met & users).bit_count(), rate, met)
            for rate, met in kin
            if rate >= score - noise or (rate >= _NEAR * score and met.bit_count() <= _COMMON * self._everyone)
        ]
        return max(level, default=(0, score, best))[2]

    def _is_private(self, met: Tests) -> bool:
        return self._places[met].code.obscurity >= PRIVATE

    def _is_kin(self, met: Tests, best: Tests) -> bool:
        """Whether it is as well known."""
        one, other = self._places[met].code.obscurity, self._places[best].code.obscurity
        return one <= other if other < PRIVATE else True


def _similarity(one: Tests, other: Tests) -> float:
    return (one & other).bit_count() / (one | other).bit_count()
