"""How suites are run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """``jobs``: so many suites at the same time (None: as many as there are cores for). ``cache``: take what a suite executed
    from an earlier run, if nothing has changed since. ``stability``: run each suite so many more times, in other orders.
    ``allow_failures``: though more than one test in 50 fails, they are told, and prove nothing, instead of ending the work."""

    jobs: int | None = None
    cache: bool = True
    stability: int = 0
    allow_failures: bool = False
