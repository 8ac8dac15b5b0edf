"""Owns the runners-up: what else notices the feature, and why it was not chosen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Final

from meterize.model.code import NAMELESS
from meterize.model.plan import Alternative

from .candidates import Candidate

_MOST: Final = 5


def list_alternatives(
    candidates: Sequence[Candidate], chosen: Sequence[Candidate], tests: int, most: int
) -> tuple[Alternative, ...]:
    """The best places in other functions than the chosen ones: those that most feature tests pass first, then those that count
    each use once, then those that most of the feature's code lies behind."""
    taken = {candidate.graph.code for candidate in chosen}
    found: list[Alternative] = []
    for candidate in sorted(
        candidates,
        key=lambda candidate: (
            -candidate.tests.bit_count(),
            candidate.miscounts,
            -candidate.reaches,
            candidate.cost(most),
            candidate.order,
        ),
    ):
        code = candidate.graph.code
        if code in taken or code.obscurity >= NAMELESS:
            continue
        taken.add(code)
        found.append(
            Alternative(
                code=code,
                line=candidate.work.head.line,
                feature_tests=candidate.tests.bit_count(),
                rest_tests=0,
                why_not=_why_not(candidate, chosen, tests),
            )
        )
    return tuple(found[:_MOST])


def _why_not(candidate: Candidate, chosen: Sequence[Candidate], tests: int) -> str:
    reasons = []
    covered = reduce(or_, (one.tests for one in chosen), 0)
    missed = (covered & ~candidate.tests).bit_count()
    if missed and len(chosen) == 1:
        reasons.append(f"{missed} of {tests} feature tests do not pass it")
    if not candidate.whole:
        reasons.append("it is one way through a function that other tests enter too")
    if candidate.entrance.recursive:
        reasons.append("it calls itself")
    elif candidate.miscounts:
        reasons.append("one use may pass it several times, or not at all")
    if candidate.is_inner:
        callers = sorted({caller.qualname for caller in candidate.entrance.callers})
        reasons.append(f"it lies behind {' and '.join(callers[:2])}")
    often = candidate.entrance.more.bit_count()
    if candidate.whole and often > max((one.entrance.more.bit_count() for one in chosen), default=0):
        reasons.append(f"{often} feature test{'s enter' if often > 1 else ' enters'} it several times")
    name = candidate.graph.code.obscurity
    if name > max((one.graph.code.obscurity for one in chosen), default=0):
        reasons.append({1: "it is a constructor", 2: "it is private"}.get(name, "it is nested in a function"))
    return "; ".join(reasons) or "as good a place: less of the feature's code lies behind it"
