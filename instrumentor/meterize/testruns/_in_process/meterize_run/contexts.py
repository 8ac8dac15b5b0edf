"""Which test is running, and what belongs to it.

The first test framework that begins a test owns it; whatever begins inside (a TestCase that pytest runs, a suite that a
suite runs) belongs to the outer test. Child processes learn their test from the environment and begin none of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from os import environ

from . import journal
from .journal import quote

VARIABLE = "METERIZE_RUN_CONTEXT"

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
_RANK = (SKIPPED, PASSED, FAILED)

token = ""
"""``JOURNAL:N``, the N-th test that the process of that journal began; empty outside any test."""

_owned = False
_begun = 0
_outcome = ""
_depth = 0


def _nothing() -> str:
    return ""


take: Callable[[], str] = _nothing
"""Returns what was recorded since the last call, as a member of a JSON object, or nothing; set by the mode in use."""

rearm: Callable[[], None] = lambda: None
"""Called as a test begins; set by the mode in use."""


def open_process() -> None:
    """Write the head of this process's data file."""
    global token
    token = environ.get(VARIABLE, "")
    journal.add(f'{{"process":{quote(journal.name)},"context":{quote(token)}}}')
    journal.flush()


def forked(tables: str) -> None:
    """In a forked child: go on in the parent's test, which the child neither ends nor owns."""
    global _owned, _begun, _depth
    inside, _owned, _begun, _depth = token, False, 0, 0
    parent = journal.name
    journal.renew()
    journal.add(f'{{"process":{quote(journal.name)},"context":{quote(inside)},"parent":{quote(parent)}{tables}}}')
    journal.flush()


def adopt(context: str) -> None:
    """Take another process's test for this process's own, as a fork server's child must."""
    global token
    if context != token and not _owned:
        finish()
        environ[VARIABLE] = token = context
        journal.add(f'{{"context":{quote(context)}}}')
        journal.flush()


def begin(name: str) -> bool:
    """A test begins; whether it is a test of its own, which the caller then has to ``end``."""
    global token, _owned, _begun, _outcome, _depth
    if token:
        _depth += 1
        return False
    finish()
    _owned, _outcome, _depth = True, "", 0
    token = f"{journal.name}:{_begun}"
    _begun += 1
    journal.add(f'{{"begin":{quote(name)}}}')
    journal.flush()
    environ[VARIABLE] = token
    rearm()
    return True


def leave() -> None:
    """A test that ``begin`` did not take for one of its own has ended."""
    global _depth
    _depth = max(0, _depth - 1)


def end(outcome: str = "") -> None:
    """The test of this process has ended."""
    global token, _owned
    if not _owned:
        return
    report(outcome)
    recorded = take()
    journal.add(f'{{"end":{quote(_outcome or PASSED)}{"," + recorded if recorded else ""}}}')
    journal.flush()
    token, _owned = "", False
    environ.pop(VARIABLE, None)


def report(outcome: str) -> None:
    """A part of the running test (set-up, a sub-test, tear-down) ended like this; the worst one counts."""
    global _outcome
    if not _depth and outcome in _RANK and (not _outcome or _RANK.index(outcome) > _RANK.index(_outcome)):
        _outcome = outcome


def framework(name: str) -> None:
    """A test framework is at work in this process."""
    if not token:
        journal.note("framework", name)


def finish() -> None:
    """Write what ran until now for the test that this process is in, or for none."""
    recorded = take()
    if recorded:
        journal.add(f'{{"ran":true,{recorded}}}')
    journal.flush()
