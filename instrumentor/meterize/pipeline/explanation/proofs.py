"""How many tests prove what: functions scored, instructions counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import reduce
from math import sqrt
from operator import or_
from typing import TypeAlias

from meterize.model.code import CodeId, InstructionMask, offsets_of
from meterize.model.coverage import CoverageRecord, Outcome, TestRecord
from meterize.model.plan import HookPlan
from meterize.model.slice import FeatureSlice

Trails: TypeAlias = Counter[frozenset[tuple[CodeId, InstructionMask]]]
"""Tests by what they execute of some code objects."""


def records_of(run: CoverageRecord, tests: Collection[str]) -> dict[str, list[TestRecord]]:
    """The records of these tests by id: several of one that ran several times."""
    wanted = frozenset(tests)
    found: dict[str, list[TestRecord]] = {}
    for test in run.tests:
        if test.id in wanted and test.outcome is not Outcome.SKIPPED:
            found.setdefault(test.id, []).append(test)
    return found


def executes(records: Iterable[TestRecord], code: CodeId, offset: int) -> bool:
    """Whether a test executes the instruction at this byte offset."""
    return any(record.executed.get(code, 0) >> (offset >> 1) & 1 for record in records)


def count_noticed(records: Mapping[str, list[TestRecord]], plan: HookPlan) -> int:
    """How many of these tests pass a hook point."""
    return sum(any(executes(same, point.code, point.offset) for point in plan.hook_points) for same in records.values())


def count_entering(records: Mapping[str, list[TestRecord]]) -> Counter[CodeId]:
    """How many tests execute anything of each function."""
    return Counter(code for same in records.values() for code in frozenset(code for record in same for code in record.executed))


def ochiai(feature_tests: int, rest_tests: int, of: int) -> float:
    """|W∩f| / √(|W|·|f|): how well a function's tests go with the ``of`` feature tests (Abreu et al., 2007)."""
    return feature_tests / sqrt(of * (feature_tests + rest_tests)) if feature_tests else 0.0


def count_trails(feature_slice: FeatureSlice, codes: Collection[CodeId]) -> Trails:
    """How many feature tests execute just the same of these code objects, of the feature's own, together: there are few ways
    through them."""
    wanted = frozenset(codes)
    return Counter(
        frozenset((code, executed[code]) for code in wanted & executed.keys()) for executed in feature_slice.by_test.values()
    )


def count_proofs(feature_slice: FeatureSlice, codes: Collection[CodeId]) -> dict[CodeId, dict[int, int]]:
    """How many feature tests execute each instruction of the feature's own, by byte offset."""
    wanted = frozenset(codes)
    masks: dict[CodeId, Counter[InstructionMask]] = defaultdict(Counter)
    for executed in feature_slice.by_test.values():
        for code in wanted & executed.keys():
            masks[code][executed[code]] += 1
    return {code: _by_offset(counts) for code, counts in masks.items()}


def _by_offset(counts: Counter[InstructionMask]) -> dict[int, int]:
    proofs: Counter[int] = Counter()
    for mask, tests in counts.items():  # tests that do the same share a mask: there are few
        for offset in offsets_of(mask):
            proofs[offset] += tests
    return dict(proofs)


def executed_by_any(runs: Iterable[CoverageRecord], codes: Collection[CodeId]) -> dict[CodeId, InstructionMask]:
    """What of these code objects ran at all, in a test or outside."""
    executed = [each for run in runs for each in (run.outside, *(test.executed for test in run.tests))]
    return {code: reduce(or_, {each.get(code, 0) for each in executed}, 0) for code in codes}
