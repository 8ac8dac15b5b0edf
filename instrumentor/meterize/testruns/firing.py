"""Counts the uses that each hook of a metered package notes, test by test; or runs the tests as if there were no hooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from meterize.model.coverage import FireRecord, TestFires
from meterize.model.package import Package

from .environment import RunEnvironment
from .explanation import require_tests
from .originals import Originals
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
    originals: Originals | None = None,
) -> FireRecord:
    """Run ``command`` in ``cwd`` on the metered ``package`` and ask its runtime, test by test, what it counted.

    With ``originals`` the processes of the command get that code in the place of the hooked one; the disk stays as it is.

    The uses stay out of the real spool. A suite that fails is told by ``exit_code``, its last lines by ``output``.
    Raises TestsError: ``suite-timeout``, ``no-tests``.
    """
    if originals is not None:
        originals.write_index()
    session = run_session(
        command,
        mode="fires" if originals is None else "originals",
        cwd=cwd,
        package=package,
        environment=environment,
        timeout=timeout,
        on_progress=on_progress,
        probes=originals.folder if originals else None,
    )
    require_tests(session)
    return _record(session)


def _record(session: Session) -> FireRecord:
    tests = Tests(session)
    fires, outside = _fires(session)
    warned, warned_outside = _warned(session)
    if tests.is_script:
        fires, outside = {session.command: outside}, Counter()
        warned, warned_outside = {session.command: warned_outside}, Counter()
    return FireRecord(
        command=session.command,
        tests=tuple(
            TestFires(id=test, outcome=outcome, fires=dict(fires.get(test, {})), warned=dict(warned.get(test, {})))
            for test, outcome in tests
        ),
        outside=dict(outside),
        exit_code=session.finished.exit_code,
        seconds=session.finished.seconds,
        armed_hooks=frozenset(hook for journal in session.journals for hook in journal.armed),
        warnings=tests.warnings(),
        warned_outside=dict(warned_outside),
        output=session.finished.tail,
    )


def _fires(session: Session) -> tuple[dict[str, Counter[str]], Counter[str]]:
    by_test: dict[str, Counter[str]] = {}
    outside: Counter[str] = Counter()
    for journal in session.journals:
        for record in journal.records:
            test = session.journals.test_of(record.token)
            (outside if test is None else by_test.setdefault(test, Counter())).update(record.fires)
    return by_test, outside


def _warned(session: Session) -> tuple[dict[str, Counter[str]], Counter[str]]:
    by_test: dict[str, Counter[str]] = {}
    outside: Counter[str] = Counter()
    for journal in session.journals:
        for record in journal.records:
            test = session.journals.test_of(record.token)
            counter = outside if test is None else by_test.setdefault(test, Counter())
            for category, text, count in record.warned:
                counter[f"{category}: {text}" if category else "…"] += count
    return by_test, outside
