"""Which test is running, and what belongs to it.

The first test framework that begins a test owns it; whatever begins inside (a TestCase that pytest runs, a suite that a
suite runs) belongs to the outer test. Child processes learn their test from the environment and begin none of their own.
"""

from __future__ import annotations

from _thread import allocate_lock, get_ident
from os import environ

from .journal import Journal, quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType


VARIABLE = "METERIZE_RUN_CONTEXT"
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_RANK = (SKIPPED, PASSED, FAILED)


def _no_text() -> str:
    return ""


def _no_action() -> None:
    return None


def _no_interest(code: CodeType) -> None:  # noqa: ARG001
    return None


class Contexts:
    """The tests of this process.

    ``token`` is ``JOURNAL:N``, the N-th test that the process of that journal began; it is empty outside any test. ``take``
    returns what was recorded since its last call, as a member of a JSON object, or nothing; ``on_begin`` is called as a test
    begins; ``on_caller`` with code that calls tests; ``tables`` tells a forked child's journal what its numbers build on: the
    mode in use sets them.
    """

    def __init__(self, journal: Journal, order: int = 0) -> None:
        """``order``: see ``orders``; 0 leaves tests as they come."""
        self.journal = journal
        self.order = order
        self.token = environ.get(VARIABLE, "")
        self.take: Callable[[], str] = _no_text
        self.tables: Callable[[], str] = _no_text
        self.on_begin: Callable[[], None] = _no_action
        self.on_caller: Callable[[CodeType], None] = _no_interest
        self._owned = False
        self._begun = 0
        self._depth = 0
        self._outcome = ""
        self._thread = 0
        self._lock = allocate_lock()
        self._parallel = False
        self._write(f'{{"process":{quote(journal.name)},"context":{quote(self.token)}}}')

    def _write(self, line: str) -> None:
        self.journal.add(line)
        self.journal.flush()

    def forked(self) -> None:
        """In a forked child: go on in the parent's test, which the child neither ends nor owns."""
        self._owned, self._begun, self._depth = False, 0, 0
        self._lock = allocate_lock()  # another thread of the parent may have held the old one
        parent = self.journal.name
        self.journal.renew()
        self._write(
            f'{{"process":{quote(self.journal.name)},"context":{quote(self.token)},"parent":{quote(parent)}{self.tables()}}}'
        )

    def adopt(self, token: str) -> None:
        """Take another process's test for this process's own, as a fork server's child must."""
        if token != self.token and not self._owned:
            self.finish()
            environ[VARIABLE] = self.token = token
            self._write(f'{{"context":{quote(token)}}}')

    def begin(self, test: str) -> bool:
        """A test begins; whether it is a test of its own, which the caller has to ``end``. Else the caller has to ``leave``."""
        if not self._claim():
            self._depth += 1
            if self._owned and get_ident() != self._thread and not self._parallel:
                self._parallel = True
                self.journal.note("parallel", test)
            return False
        self.finish()
        self._write(f'{{"begin":{quote(test)}}}')
        environ[VARIABLE] = self.token
        self.on_begin()
        return True

    def _claim(self) -> bool:
        with self._lock:  # a suite may run tests in threads
            if self.token:
                return False
            self.token = f"{self.journal.name}:{self._begun}"
            self._begun += 1
            self._owned, self._outcome, self._depth, self._thread = True, "", 0, get_ident()
            return True

    def leave(self) -> None:
        """A test inside the test has ended."""
        self._depth = max(0, self._depth - 1)

    def end(self, outcome: str = "") -> None:
        """The test of this process has ended."""
        if not self._owned:
            return
        self.report(outcome)
        recorded = self.take()
        self._write(f'{{"end":{quote(self._outcome or PASSED)}{"," + recorded if recorded else ""}}}')
        self.token, self._owned = "", False
        environ.pop(VARIABLE, None)

    def report(self, outcome: str) -> None:
        """A part of the running test (set-up, a sub-test, tear-down) ended like this; the worst one counts."""
        if self._depth or outcome not in _RANK:
            return
        if not self._outcome or _RANK.index(outcome) > _RANK.index(self._outcome):
            self._outcome = outcome

    def framework(self, name: str) -> None:
        """A test framework is at work in this process."""
        if not self.token:
            self.journal.note("framework", name)

    def finish(self) -> None:
        """Write what ran until now, for the test that this process is in or for none."""
        recorded = self.take()
        if recorded:
            self.journal.add(f'{{"ran":true,{recorded}}}')
        self.journal.flush()
