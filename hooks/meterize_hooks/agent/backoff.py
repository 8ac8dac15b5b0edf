"""Owns how long to wait before the next try: at random between nothing and a bound that doubles ("full jitter").

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: agents that failed together do not come back
together.
"""

from __future__ import annotations

import random

SLOW_SECONDS = 30.0
"""The first bound, and the least wait, while the token is not accepted: that is mended by people."""


class Backoff:
    """The waits of one agent."""

    def __init__(self, first: float, longest: float, chance: random.Random | None = None) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance or random.Random()  # noqa: S311 - no secret
        self.failures = 0

    def succeeded(self) -> None:
        """Begin small again."""
        self.failures = 0

    def wait(self, at_least: float = 0.0) -> float:
        """Seconds until the next try, after another failure; not less than the ledger asked for."""
        bound = min(self._first * 2 ** min(self.failures, 30), self._longest)
        self.failures += 1
        return at_least + self._chance.uniform(0, bound)

    def wait_slowly(self) -> float:
        """As long, but never soon."""
        bound = min(SLOW_SECONDS * 2 ** min(self.failures, 10), max(self._longest, 10 * SLOW_SECONDS))
        self.failures += 1
        return self._chance.uniform(min(SLOW_SECONDS, self._longest), max(bound, self._longest))
