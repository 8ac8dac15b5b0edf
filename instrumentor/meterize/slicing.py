"""Owns the difference of two runs: which instructions only the feature's tests execute. Pure set algebra on masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Final

from .errors import TestsError, UsageError
from .model.code import CodeId, InstructionMask
from .model.coverage import CoverageRecord, Executed, Outcome, unite
from .model.plan import Selection
from .model.slice import FeatureSlice

_FEW: Final = 2
_MANY: Final = 4
"""A feature's tests meet in a few functions; those of all the rest need many."""


def select_tests(with_run: CoverageRecord, without_run: CoverageRecord) -> Selection:
    """Who uses the feature and who is the rest, by id, in the order they ran; skipped tests are neither.

    A test of both runs is one of the rest: it passes without the feature. So ``--with`` may run the whole suite. A test of
    ``--with`` that failed, where that is allowed, is neither; one of the rest stays one, whose code is not the feature's own.
    Raises TestsError where a run has no test left, UsageError where ``--with`` has none of its own.
    """
    rest = tuple(_by_test(without_run, "without"))
    feature = tuple(_by_test(with_run, "with"))
    proven = {test.id for test in with_run.tests if with_run.proves(test)} - {*rest}
    own = tuple(test for test in feature if test in proven)
    if not own:
        raise UsageError(
            f"--with and --without run the same tests ({len(feature)} in --with, all of them in --without too)",
            slug="same-selection",
            hint="Let --without leave out the tests that use the feature, for example with pytest -k 'not …' or --ignore.",
            details=feature[:5],
        )
    return Selection(feature_tests=own, rest_tests=rest)


def slice_feature(with_run: CoverageRecord, without_run: CoverageRecord) -> FeatureSlice:
    """The feature's own instructions: with − without, exactly as ``select_tests`` divides the tests.

    What the rest's run executes outside any test (import, collection, session fixtures) is the rest's. ``by_test`` has every
    feature test, also one that executes nothing of its own. Raises as ``select_tests`` does, and UsageError where the two
    runs are evidently swapped.
    """
    selection = select_tests(with_run, without_run)
    feature_slice = _slice(selection.feature_tests, with_run, without_run)
    if _is_all_over(feature_slice) and _is_in_one_place(_slice(selection.rest_tests, without_run, with_run)):
        raise UsageError(
            "--with and --without look swapped: what only --without runs is in one place, what only --with runs is not",
            slug="swapped",
            hint="--with runs the tests that use the feature, --without those that do not. If that is so here, --without runs"
            " too little: let it run the rest of the suite.",
        )
    return feature_slice


def _slice(tests: tuple[str, ...], with_run: CoverageRecord, without_run: CoverageRecord) -> FeatureSlice:
    flickers = (test.flickers for test in without_run.tests if test.outcome is not Outcome.SKIPPED)
    taken = _union([without_run.outside, *_by_test(without_run, "without").values(), *flickers])
    executed = _by_test(with_run, "with")
    by_test = {test: _difference(executed[test], taken) for test in tests}
    return FeatureSlice(
        intersection=reduce(_intersection, by_test.values()),
        union=_union(by_test.values()),
        by_test=by_test,
        calls={test.id: test.calls for test in with_run.tests if test.id in by_test},
    )


def _is_all_over(feature_slice: FeatureSlice) -> bool:
    """The look of what is no feature: of many tests hardly one has code of its own, or they meet nowhere."""
    hardly = len(feature_slice.by_test) // 10 > _noticeable(feature_slice)
    return hardly or _functions_needed(feature_slice) > _MANY


def _is_in_one_place(feature_slice: FeatureSlice) -> bool:
    """The look of a feature."""
    return 2 * _noticeable(feature_slice) > len(feature_slice.by_test) and _functions_needed(feature_slice) <= _FEW


def _noticeable(feature_slice: FeatureSlice) -> int:
    return sum(1 for executed in feature_slice.by_test.values() if executed)


def _functions_needed(feature_slice: FeatureSlice) -> int:
    """How many code objects it takes until each test that has code of its own runs one of them (greedy, so at most)."""
    left = [frozenset(executed) for executed in feature_slice.by_test.values() if executed]
    needed = 0
    while left:
        [(most, _)] = Counter(code for codes in left for code in codes).most_common(1)
        left = [codes for codes in left if most not in codes]
        needed += 1
    return needed


def _by_test(run: CoverageRecord, name: str) -> dict[str, Executed]:
    """What each test executed that was not skipped; the runs of one that ran several times (reruns) are taken together."""
    found: dict[str, Executed] = {}
    for test in run.tests:
        if test.outcome is not Outcome.SKIPPED:
            found[test.id] = _union([found[test.id], test.executed]) if test.id in found else test.executed
    if not found:
        raise TestsError(
            f"no test of --{name} took part: {len(run.tests)} found, all skipped" if run.tests else f"--{name} ran no test",
            slug="no-tests",
            hint=f"Run the command yourself and see what it selects: {run.command}",
        )
    return found


def _union(many: Iterable[Executed]) -> dict[CodeId, InstructionMask]:
    return {code: mask for code, mask in unite(many).items() if mask}


def _difference(executed: Executed, taken: Mapping[CodeId, InstructionMask]) -> dict[CodeId, InstructionMask]:
    return {code: own for code, mask in executed.items() if (own := mask & ~taken.get(code, 0))}


def _intersection(left: Executed, right: Executed) -> dict[CodeId, InstructionMask]:
    return {code: common for code, mask in left.items() if (common := mask & right.get(code, 0))}
