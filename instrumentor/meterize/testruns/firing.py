"""Counts the uses that each hook of a metered package notes, test by test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from meterize.model.coverage import FireRecord, TestFires
from meterize.model.package import Package

from .environment import RunEnvironment
from .explanation import require_tests
from .session import Session, run_session
from .tests import Tests


def count_fires(
    command: str,
    *,
    cwd: Path,
    package: Package,
    environment: RunEnvironment,
    timeout: float | None,
    on_progress: Callable[[str], None] | None,
) -> FireRecord:
    """Run ``command`` in ``cwd`` on the metered ``package`` and ask its runtime, test by test, what it counted.

    The uses stay out of the real spool. A suite that fails is told by ``exit_code`` and a warning with its last lines.
    Raises TestsError: ``suite-timeout``, ``no-tests``.
    """
    session = run_session(
        command,
        mode="fires",
        cwd=cwd,
        package=package,
        environment=environment,
        timeout=timeout,
        on_progress=on_progress,
    )
    require_tests(session)
    tests = Tests(session)
    fires, outside = _fires(session)
    if tests.is_script:
        fires, outside = {command: outside}, Counter()
    return FireRecord(
        command=command,
        tests=tuple(TestFires(id=test, outcome=outcome, fires=dict(fires.get(test, {}))) for test, outcome in tests),
        outside=dict(outside),
        exit_code=session.finished.exit_code,
        seconds=session.finished.seconds,
        armed_hooks=frozenset(hook for journal in session.journals for hook in journal.armed),
        warnings=(*_failure(session), *tests.warnings()),
    )


def _fires(session: Session) -> tuple[dict[str, Counter[str]], Counter[str]]:
    by_test: dict[str, Counter[str]] = {}
    outside: Counter[str] = Counter()
    for journal in session.journals:
        for record in journal.records:
            test = session.journals.test_of(record.token)
            (outside if test is None else by_test.setdefault(test, Counter())).update(record.fires)
    return by_test, outside


def _failure(session: Session) -> tuple[str, ...]:
    if session.finished.exit_code == 0:
        return ()
    return (f"the command ended with {session.finished.exit_code}: {session.command}", *session.finished.tail)
