"""The places that a hook could stand at, by the tests that meet there."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import fmean
from typing import TypeAlias

from meterize.model.code import PRIVATE, CodeId, InstructionMask
from meterize.model.coverage import CoverageRecord, Executed, Outcome, TestRecord
from meterize.model.flow import Block, ControlFlowGraph

Tests: TypeAlias = int
"""A set of tests: bit *i* is the *i*-th of both runs, those of ``--with`` first."""


class Turns:
    """Pairs of a test and a turn, eight bytes each: a large run has millions; and how many of these tests come ``again``."""

    __slots__ = ("_tests", "_turns", "again")

    def __init__(self) -> None:
        self._tests = array("I")
        self._turns = array("I")
        self.again = 0

    def __len__(self) -> int:
        return len(self._tests)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._tests, self._turns, strict=True)

    def add(self, test: int, turn: int, *, again: bool) -> None:
        """``test`` enters so many functions before this one, and this one several times or not."""
        self._tests.append(test)
        self._turns.append(turn)
        self.again += again


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place that a hook could stand at; ``whole`` are the tests that enter its function, if they all meet a place there.
    ``turns``: how many functions tests enter before its function."""

    code: CodeId
    line: int | None
    whole: Tests
    turns: Turns = field(default_factory=Turns)

    @property
    def often(self) -> float:
        """The share of the tests that enter its function which do so several times."""
        return self.turns.again / max(1, len(self.turns))

    def turn(self, tests: Tests) -> float:
        """Its turn on average, in these tests."""
        members = tests.to_bytes(tests.bit_length() // 8 + 1, "little")
        end = 8 * len(members)
        taken = [turn for test, turn in self.turns if test < end and members[test >> 3] >> (test & 7) & 1]
        return fmean(taken or [inf])


def both_sides(with_run: CoverageRecord, without_run: CoverageRecord) -> tuple[list[TestRecord], list[TestRecord]]:
    """The tests of either side as the user selected them; one of both runs is one of the rest."""
    shared = {test.id for test in without_run.tests}
    feature = [test for test in with_run.tests if with_run.proves(test) and test.id not in shared]
    return feature, [test for test in without_run.tests if test.outcome is not Outcome.SKIPPED]


def outside_as_test(run: CoverageRecord) -> TestRecord:
    """What ran outside the tests of a run (their import and collection, fixtures that they share), as if it were one more."""
    return TestRecord(id="", outcome=Outcome.PASSED, executed=run.outside)


def find_spots(tests: Sequence[TestRecord], outside: Executed, graphs: Mapping[CodeId, ControlFlowGraph]) -> dict[Tests, Spot]:
    """For each set of tests that meets somewhere, the best place for a hook there: public, then a function's beginning.

    What ran ``outside`` any test is no place.
    """
    turns = _turns(tests, graphs)
    found: dict[Tests, tuple[tuple[bool, bool, int], Spot]] = {}
    for code, places in _meetings(tests, outside, graphs):
        whole = 0
        for is_beginning, line, met in places:
            whole = met if is_beginning else whole
            rank = (code.obscurity >= PRIVATE, not is_beginning, code.obscurity)
            if met and (met not in found or rank < found[met][0]):
                found[met] = rank, Spot(code=code, line=line, whole=whole, turns=turns[code])
    return {met: spot for met, (_, spot) in found.items()}


def files_where(
    agrees: Callable[[Tests], bool], tests: Sequence[TestRecord], graphs: Mapping[CodeId, ControlFlowGraph]
) -> tuple[str, ...]:
    """The files of these functions in which a hook could stand where such tests meet."""
    met = ((code.file, tests_there) for code, places in _meetings(tests, {}, graphs) for _, _, tests_there in places)
    return tuple(sorted({file for file, tests_there in met if tests_there and agrees(tests_there)}))


def _meetings(
    tests: Sequence[TestRecord], outside: Executed, graphs: Mapping[CodeId, ControlFlowGraph]
) -> Iterator[tuple[CodeId, list[tuple[bool, int | None, Tests]]]]:
    """Each function with its places: whether it is the beginning, its line, and the tests that meet there."""
    executed: dict[CodeId, dict[InstructionMask, array[int]]] = {code: {} for code in graphs}
    for number, test in enumerate(tests):
        for code, mask in test.executed.items():
            if (alike := executed.get(code)) is not None:
                alike.setdefault(mask, array("I")).append(number)
    for code, graph in sorted(graphs.items()):
        groups = [(mask, _set_of(numbers)) for mask, numbers in executed.pop(code).items()]
        bits = _hook_bits(graph, outside.get(code, 0))
        yield code, [(begins, line, sum(group for mask, group in groups if mask & bit)) for begins, line, bit in bits]


def _set_of(numbers: array[int]) -> Tests:
    """The set of these tests, ascending: adding them one by one would copy the whole set each time."""
    members = bytearray((numbers[-1] >> 3) + 1)
    for number in numbers:
        members[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(members, "little")


def _turns(tests: Sequence[TestRecord], graphs: Mapping[CodeId, ControlFlowGraph]) -> dict[CodeId, Turns]:
    found = {code: Turns() for code in graphs}
    for number, test in enumerate(tests):
        for turn, call in enumerate(test.calls):
            if (turns := found.get(call.code)) is not None:
                turns.add(number, turn, again=call.count > 1)
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
