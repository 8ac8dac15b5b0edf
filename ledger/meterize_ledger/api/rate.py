"""How often one token may come: a bucket that refills with time."""

from __future__ import annotations

import threading
import time

from meterize_ledger.errors import TooMany

from .settings import Limits

KEPT = 10_000


class Buckets:
    """A bucket for each token: full at ``burst`` requests, refilled at ``rate`` a second."""

    def __init__(self, limits: Limits) -> None:
        self._rate, self._burst = limits.rate, float(limits.burst)
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, token: str) -> None:
        """Count a request. Raises TooMany, with how long to wait."""
        now = time.monotonic()
        with self._lock:
            if len(self._left) >= KEPT and token not in self._left:
                self._left.clear()  # revoked and made anew ten thousand times
            left, then = self._left.get(token, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
            if left >= 1:
                self._left[token] = (left - 1, now)
                return
            self._left[token] = (left, now)
        raise TooMany(
            f"more than {self._rate:g} requests a second",
            slug="too-often",
            hint="Send larger batches, or wait as long as Retry-After says. Nothing of the request was recorded.",
            wait=(1 - left) / self._rate,
        )
