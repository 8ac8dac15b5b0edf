"""The places that a hook could stand at, by the tests that meet there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import fmean
from typing import TypeAlias

from meterize.model.code import PRIVATE, CodeId, InstructionMask
from meterize.model.coverage import Executed, TestRecord
from meterize.model.flow import Block, ControlFlowGraph

Tests: TypeAlias = int
"""A set of tests: bit *i* is the *i*-th of both runs, those of ``--with`` first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place that a hook could stand at; ``whole`` are the tests that enter its function, if they all meet a place there.
    ``turns``: how many functions a test enters before its function, by test."""

    code: CodeId
    line: int | None
    whole: Tests
    turns: Mapping[int, int] = field(default_factory=dict)

    def turn(self, tests: Tests) -> float:
        """Its turn on average, in these tests."""
        return fmean([turn for test, turn in self.turns.items() if tests >> test & 1] or [inf])


def find_spots(tests: Sequence[TestRecord], outside: Executed, graphs: Mapping[CodeId, ControlFlowGraph]) -> dict[Tests, Spot]:
    """For each set of tests that meets somewhere, the best place for a hook there: public, then a function's beginning.

    What ran ``outside`` any test is no place.
    """
    executed: dict[CodeId, list[tuple[InstructionMask, Tests]]] = defaultdict(list)
    for number, test in enumerate(tests):
        for code, mask in test.executed.items():
            executed[code].append((mask, 1 << number))
    turns = _turns(tests)
    found: dict[Tests, tuple[tuple[bool, bool, int], Spot]] = {}
    for code, graph in sorted(graphs.items()):
        whole = 0
        for is_beginning, line, bit in _hook_bits(graph, outside.get(code, 0)):
            met = sum(test for mask, test in executed[code] if mask & bit)
            whole = met if is_beginning else whole
            rank = (code.obscurity >= PRIVATE, not is_beginning, code.obscurity)
            if met and (met not in found or rank < found[met][0]):
                found[met] = rank, Spot(code=code, line=line, whole=whole, turns=turns.get(code, {}))
    return {met: spot for met, (_, spot) in found.items()}


def _turns(tests: Sequence[TestRecord]) -> dict[CodeId, dict[int, int]]:
    found: dict[CodeId, dict[int, int]] = defaultdict(dict)
    for number, test in enumerate(tests):
        for turn, call in enumerate(test.calls):
            found[call.code][number] = turn
    return found


def named_spots(tests: Sequence[TestRecord], named: Sequence[tuple[CodeId, Block]]) -> dict[Tests, Spot]:
    """The places that a user names, by the tests that meet there."""
    found: dict[Tests, Spot] = {}
    for code, block in named:
        bit = 1 << ((block.hook_offset or 0) >> 1)
        met = sum(1 << number for number, test in enumerate(tests) if test.executed.get(code, 0) & bit)
        found[met] = Spot(code=code, line=block.line, whole=met)
    return found


def _hook_bits(graph: ControlFlowGraph, outside: InstructionMask) -> Iterator[tuple[bool, int | None, InstructionMask]]:
    if graph.is_function:
        for block in graph.blocks:
            if block.hook_offset is not None and not (bit := 1 << (block.hook_offset >> 1)) & outside:
                yield graph.begins_with(block), block.line, bit
