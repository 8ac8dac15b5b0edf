"""Finds the tests that end otherwise with hooks: those that do so again and again, and never without."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .explanations import Explanations
from .runs import Run

TRIES = 3
COUNTS = 2
"""A difference counts if it shows in so many of the tries, and never among as many bare runs."""

AnyRun = TypeVar("AnyRun", bound=Run)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A test that ended otherwise: outcomes of the bare runs and of the hooked ones; ``reason`` None if nothing explains it."""

    test: str
    bare: tuple[str, ...]
    hooked: tuple[str, ...]
    details: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What explains a difference in one way of hooking, on one version."""

    explanations: Explanations
    way: str
    version: str

    def repeat(
        self,
        bare: list[AnyRun],
        hooked: list[AnyRun],
        run_bare: Callable[[], AnyRun],
        run_hooked: Callable[[], AnyRun],
        is_doubtful: Callable[[], bool] = lambda: False,
    ) -> tuple[Difference, ...]:
        """The differences, after as many further runs as it takes while some are unexplained, or else ``is_doubtful``.

        Both lists grow by the runs made.
        """
        while len(hooked) < TRIES and (self._is_unexplained(bare, hooked) or is_doubtful()):
            hooked.append(run_hooked())
            if len(bare) < len(hooked):
                bare.append(run_bare())
        return tuple(self._describe(test, bare, hooked) for test in find_differences(bare, hooked))

    def _is_unexplained(self, bare: Sequence[Run], hooked: Sequence[Run]) -> bool:
        return any(self.explanations.find(test, self.way, self.version) is None for test in find_differences(bare, hooked))

    def _describe(self, test: str, bare: Sequence[Run], hooked: Sequence[Run]) -> Difference:
        explanation = self.explanations.find(test, self.way, self.version)
        usual = {run.outcome(test) for run in bare}
        odd = next(run for run in hooked if run.outcome(test) not in usual)
        return Difference(
            test=test,
            bare=tuple(run.outcome(test) for run in bare),
            hooked=tuple(run.outcome(test) for run in hooked),
            details=odd.details.get(test, ""),
            reason=explanation.reason if explanation else None,
        )


def find_differences(bare: Sequence[Run], hooked: Sequence[Run]) -> list[str]:
    """Tests whose outcome in the hooked runs, but for one of several, is none that they have in a bare one."""
    needed = COUNTS if len(hooked) == TRIES else 1
    found = []
    for test in sorted(all_tests([*bare, *hooked])):
        usual = {run.outcome(test) for run in bare}
        if sum(run.outcome(test) not in usual for run in hooked) >= needed:
            found.append(test)
    return found


def all_tests(runs: Collection[Run]) -> set[str]:
    return {test for run in runs for test in run.outcomes}
