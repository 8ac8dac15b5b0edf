"""Collects what each test of a command executes of a package."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

from meterize.cpython.versions import HAS_MONITORING
from meterize.errors import InternalError
from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import ENOUGH_CALLS, Call, CoverageRecord, TestRecord
from meterize.model.package import Package

from .environment import RunEnvironment
from .explanation import require_data, require_success, require_tests
from .journals import Journals, Piece, SeenCall
from .probes import ProbeBuild, index_probes
from .resolution import ProbeResolver, Resolved, Resolver, SourceResolver, warn_of_unserved
from .session import run_session
from .tests import Tests


def collect(
    command: str,
    *,
    cwd: Path,
    package: Package,
    environment: RunEnvironment,
    timeout: float | None,
    on_progress: Callable[[str], None] | None,
    probes: ProbeBuild | None = None,
    stop: Event | None = None,
    order: int = 0,
    allow_failures: bool = False,
) -> CoverageRecord:
    """Run ``command`` in ``cwd`` and note, test by test, which instructions of ``package`` it executes.

    ``timeout`` is in seconds; ``on_progress`` is called with the id of each test soon after it began; ``probes`` are needed
    where the interpreter has no ``sys.monitoring``; ``stop`` ends it from another thread (it raises Stopped); another ``order``
    than 0 has pytest and unittest run their tests in that order, as far as they may. With ``allow_failures`` a command may fail
    whose tests passed for the most part. Raises TestsError: ``suite-failed``, ``suite-timeout``, ``no-tests``, ``no-data``.
    """
    resolver: Resolver
    if HAS_MONITORING:
        mode, resolver = "instructions", SourceResolver(package)
    elif probes is not None:
        mode, resolver = "probes", ProbeResolver(package, probes)
        index_probes(probes)
    else:
        raise InternalError("this interpreter has no sys.monitoring: collect() needs probes")
    session = run_session(
        command,
        mode=mode,
        cwd=cwd,
        package=package,
        environment=environment,
        timeout=timeout,
        on_progress=on_progress,
        probes=probes.folder if probes and mode == "probes" else None,
        stop=stop,
        order=order,
    )
    require_tests(session)
    tests = Tests(session)
    failures = require_success(session, tests, allow_failures=allow_failures)
    executed, outside = _executed(session.journals, resolver)
    require_data(session, package, {code.file for masks in (outside, *executed.values()) for code in masks})
    calls, calls_outside = _calls(session.journals, resolver)
    if tests.is_script:
        executed, outside, calls = {command: outside}, {}, {command: calls_outside}
    return CoverageRecord(
        command=command,
        tests=tuple(
            TestRecord(id=test, outcome=outcome, executed=executed.get(test, {}), calls=calls.get(test, ()))
            for test, outcome in tests
        ),
        outside=outside,
        exit_code=session.finished.exit_code,
        seconds=session.finished.seconds,
        warnings=(*failures, *tests.warnings(), *warn_of_unserved(session.notes("unserved")), *resolver.warnings()),
    )


_Masks = dict[CodeId, InstructionMask]


def _executed(journals: Journals, resolver: Resolver) -> tuple[dict[str, _Masks], _Masks]:
    """The executed instructions by test, and those outside any."""
    by_test: dict[str, _Masks] = {}
    outside: _Masks = {}
    resolved: dict[Piece, Resolved] = {}
    for journal in journals:
        pieces = journals.pieces(journal)
        for record in journal.records:
            test = journals.test_of(record.token)
            masks = outside if test is None else by_test.setdefault(test, {})
            for piece in map(pieces.__getitem__, record.pieces):
                found = resolved.get(piece)
                if found is None:
                    found = resolved[piece] = resolver.resolve(piece)
                for code, mask in found:
                    if masks.setdefault(code, mask) is not mask:
                        masks[code] |= mask
    return by_test, outside


def _calls(journals: Journals, resolver: Resolver) -> tuple[dict[str, tuple[Call, ...]], tuple[Call, ...]]:
    """The calls by test, and those outside any."""
    found: dict[str | None, list[Call]] = {}
    resolved: dict[SeenCall, Call | None] = {}
    for journal in journals:
        seen_calls = journals.calls(journal)
        for record in journal.records:
            calls = found.setdefault(journals.test_of(record.token), [])
            for seen in map(seen_calls.__getitem__, record.calls):
                if seen not in resolved:
                    resolved[seen] = _resolve(seen, resolver)
                if (call := resolved[seen]) is not None:
                    calls.append(call)
    outside = _merged(found.pop(None, ()))
    return {test: _merged(calls) for test, calls in found.items() if test is not None}, outside


def _merged(calls: Iterable[Call]) -> tuple[Call, ...]:
    """One for each function, in the order of the first."""
    merged: dict[CodeId, Call] = {}
    for call in calls:
        if (known := merged.setdefault(call.code, call)) is not call:
            merged[call.code] = _merge(known, call)
    return tuple(merged.values())


def _resolve(seen: SeenCall, resolver: Resolver) -> Call | None:
    code = resolver.name(seen.function)
    if code is None:
        return None
    callers = frozenset(None if caller is None else resolver.name(caller) for caller in seen.callers)
    return Call(code=code, count=seen.count, callers=callers)


def _merge(one: Call, other: Call) -> Call:
    return Call(code=one.code, count=min(one.count + other.count, ENOUGH_CALLS), callers=one.callers | other.callers)
