"""The tests of a run: their ids in the order they began, and how they ended."""

from __future__ import annotations

from collections.abc import Iterator

from meterize.model.coverage import Outcome

from .session import Session

_RANK = (Outcome.SKIPPED, Outcome.PASSED, Outcome.FAILED)
_SHOWN = 3


class Tests:
    """Iterates over (id, outcome). An id that comes twice (a repeated parameter, a second attempt) is one test."""

    __test__ = False

    def __init__(self, session: Session) -> None:
        self._session = session
        journals = session.journals
        self._outcomes: dict[str, Outcome | None] = {test: None for journal in journals for test in journal.begun}
        for journal in journals:
            for record in journal.records:
                test = journals.test_of(record.token)
                if test is not None and record.outcome is not None:
                    self._outcomes[test] = _worse(self._outcomes[test], Outcome(record.outcome))
        self.is_script = not self._outcomes
        """No known framework ran: the command as a whole is the test."""
        if self.is_script:
            passed = session.finished.exit_code == 0
            self._outcomes = {session.command: Outcome.PASSED if passed else Outcome.FAILED}

    def __iter__(self) -> Iterator[tuple[str, Outcome]]:
        for test, outcome in self._outcomes.items():
            yield test, outcome or Outcome.FAILED

    def warnings(self) -> tuple[str, ...]:
        """What makes the record of the run less than whole."""
        found = []
        unended = [test for test, outcome in self._outcomes.items() if outcome is None]
        if unended:
            found.append(f"{len(unended)} tests began and never ended: {', '.join(unended[:_SHOWN])}")
        if scripts := self._session.notes("script"):
            found.append(
                f"files of the package ran as scripts, by their path, where no hook can be ({', '.join(scripts[:_SHOWN])}): let"
                " the tests use `python -m` or the console script"
            )
        if shadows := self._session.notes("shadow"):
            found.append(f"other copies of the package were imported too, and not measured: {', '.join(shadows[:_SHOWN])}")
        if foreign := self._session.notes("foreign"):
            found.append(f"processes of another Python were not measured: {', '.join(foreign[:_SHOWN])}")
        if parallel := self._session.notes("parallel"):
            found.append(f"tests ran in threads at the same time and are not told apart: {', '.join(parallel[:_SHOWN])}")
        if any(journal.torn for journal in self._session.journals):
            found.append("some data files hold torn lines: is the disk full?")
        found.extend(f"watching went wrong in a process: {trouble}" for trouble in self._session.notes("trouble")[:_SHOWN])
        return tuple(found)


def _worse(one: Outcome | None, other: Outcome) -> Outcome:
    return other if one is None else max(one, other, key=_RANK.index)
