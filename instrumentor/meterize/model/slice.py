"""The instructions that are a feature's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .code import CodeId, InstructionMask
from .coverage import Call, Executed


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSlice:
    """With − without.

    ``intersection``: executed by every feature test and by no rest test, nor outside any test of the rest run.
    ``union``: executed by some feature test and by nothing of the rest run. ``by_test``: the union, test by test, so that
    planning can tell which tests prove a block. ``calls``: which functions each feature test entered, its first calls first.
    Empty masks are left out.
    """

    intersection: Executed
    union: Executed
    by_test: Mapping[str, Executed]
    calls: Mapping[str, tuple[Call, ...]] = field(default_factory=dict)


def size(executed: Mapping[CodeId, InstructionMask]) -> int:
    """How many instructions."""
    return sum(mask.bit_count() for mask in executed.values())
