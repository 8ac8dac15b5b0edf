"""Compares a run with hooks to one without, test by test: how each ended, and what it made Python warn of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from meterize.model.coverage import FireRecord, TestFires
from meterize.model.verdict import Difference, Standing

WHOLE: Final = ""
"""In the place of a test's id: the command as a whole, and what happened outside any test."""
_BY_GARBAGE: Final = ("ResourceWarning: ", "PytestUnraisableExceptionWarning: ", "RuntimeWarning: coroutine ")
"""Warned of when an object is collected: in which test that happens is an accident of how much was allocated before."""
_CHANGING: Final = re.compile(r"0x[0-9a-fA-F]+|\d+")
"""Addresses, process ids, ports, temporary names: another one in each run."""
_SHOWN: Final = 3
_SHOWN_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """How one test differed; not ``judged`` where that is an accident."""

    what: str
    judged: bool


def compare(untouched: FireRecord, metered: FireRecord) -> dict[str, Deviation]:
    """What differs between two runs, by test."""
    before, after = _by_id(untouched), _by_id(metered)
    found: dict[str, Deviation] = {}
    for test in dict.fromkeys((*before, *after)):
        if (what := _ends_otherwise(before.get(test), after.get(test))) is not None:
            found[test] = Deviation(what=what, judged=True)
        elif (deviation := _warns_otherwise(before[test].warned, after[test].warned)) is not None:
            found[test] = deviation
    if not found and untouched.exit_code != metered.exit_code:
        what = f"ended with {untouched.exit_code} without hooks, and with {metered.exit_code} with them"
        found[WHOLE] = Deviation(what=what, judged=True)
    elif (deviation := _warns_otherwise(untouched.warned_outside, metered.warned_outside)) is not None:
        found[WHOLE] = deviation
    return found


def classify(command: str, attempts: Sequence[tuple[FireRecord, FireRecord]]) -> tuple[Difference, ...]:
    """The differences of all attempts: a fault is one that came every time, in a test that is steady without hooks."""
    compared = [compare(*attempt) for attempt in attempts]
    unsteady = set(compare(attempts[0][0], attempts[-1][0])) if len(attempts) > 1 else set()
    found = []
    for test in dict.fromkeys(test for each in compared for test in each):
        deviations = [each[test] for each in compared if test in each]
        judged = [deviation for deviation in deviations if deviation.judged]
        if not judged:
            standing = Standing.INCIDENTAL
        elif len(judged) < len(attempts) or test in unsteady:
            standing = Standing.FLAKY
        else:
            standing = Standing.FAULT
        what = (judged or deviations)[0].what
        found.append(Difference(command=command, test=test, what=what, standing=standing))
    return tuple(found)


def _by_id(run: FireRecord) -> dict[str, TestFires]:
    return {test.id: test for test in run.tests}


def _ends_otherwise(before: TestFires | None, after: TestFires | None) -> str | None:
    if before is None:
        return "runs with hooks only"
    if after is None:
        return "runs without hooks only"
    if before.outcome is not after.outcome:
        return f"{before.outcome.value} without hooks, {after.outcome.value} with them"
    return None


def _warns_otherwise(before: Mapping[str, int], after: Mapping[str, int]) -> Deviation | None:
    less, more = _steady(before), _steady(after)
    if less == more:
        return None
    texts = [*_told(less - more, "only without hooks"), *_told(more - less, "only with hooks")]
    judged = any(not text.startswith(_BY_GARBAGE) for text in (less - more) + (more - less))
    return Deviation(what="warns otherwise: " + "; ".join(texts), judged=judged)


def _steady(warned: Mapping[str, int]) -> Counter[str]:
    """The warnings without what changes from run to run anyway."""
    counts: Counter[str] = Counter()
    for text, count in warned.items():
        counts[_CHANGING.sub("…", text)] += count
    return counts


def _told(texts: Counter[str], when: str) -> Iterator[str]:
    for text, count in texts.most_common(_SHOWN):
        yield f"{when}, {count} ×: {text[:_SHOWN_CHARACTERS]}"
    if len(texts) > _SHOWN:
        yield f"and {len(texts) - _SHOWN} more {when}"
