"""What stays the same when a suite runs again in another order, and what flickers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Final

from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import CoverageRecord, Executed, Outcome, TestRecord, unite
from meterize.model.enumeration import first_few

_SHOWN: Final = 4
_RANK: Final = (Outcome.SKIPPED, Outcome.PASSED, Outcome.FAILED)


def take_together(name: str, runs: Sequence[CoverageRecord]) -> CoverageRecord:
    """Several runs of one suite as one: a test executes what it executed every time, the rest of it flickers.

    ``name`` is the suite's, for the warning. A test that is missing in some runs is what the others say.
    """
    found: dict[str, list[TestRecord]] = {}
    for run in runs:
        for test in run.tests:
            found.setdefault(test.id, []).append(test)
    tests = tuple(map(_settled, found.values()))
    flickering = [test.id for test in tests if test.flickers]
    warnings = [warning for run in runs for warning in run.warnings]
    if flickering:
        named = first_few(flickering, _SHOWN)
        warnings.append(
            f"{name}: {len(flickering)} of {len(tests)} tests do not execute the same in each of {len(runs)} orders; what"
            f" flickers proves no feature ({named})"
        )
    return dataclasses.replace(
        runs[0],
        tests=tests,
        outside=unite(run.outside for run in runs),
        seconds=sum(run.seconds for run in runs),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _settled(attempts: Sequence[TestRecord]) -> TestRecord:
    every = reduce(_both, (attempt.executed for attempt in attempts))
    some = unite(attempt.executed for attempt in attempts)
    return dataclasses.replace(
        attempts[0],
        outcome=max((attempt.outcome for attempt in attempts), key=_RANK.index),
        executed=every,
        flickers={code: rest for code, mask in some.items() if (rest := mask & ~every.get(code, 0))},
        calls=tuple(call for call in attempts[0].calls if call.code in every),
    )


def _both(one: Executed, other: Executed) -> Mapping[CodeId, InstructionMask]:
    return {code: common for code, mask in one.items() if (common := mask & other.get(code, 0))}
