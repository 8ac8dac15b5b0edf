"""Owns the candidates: the places of the slice where a hook could notice a use, and how good each is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TypeAlias

from meterize.model.code import CodeId, InstructionMask
from meterize.model.feature import Charge
from meterize.model.flow import Block, ControlFlowGraph
from meterize.model.slice import FeatureSlice

from .hitting_set import Cost

TestMask: TypeAlias = int
"""A set of feature tests: bit *i* is the *i*-th of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One instruction that a hook can stand before, and the feature tests that execute it."""

    block: Block
    offset: int
    line: int
    tests: TestMask


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Places of one code object of which each use passes exactly one: a single one, or all normal returns.

    ``whole`` says that no rest test runs the code object at all; ``leads_to`` counts the slice's instructions that only it
    leads to, ``reaches`` those of all code that it may call as well, going by names.
    """

    graph: ControlFlowGraph
    places: tuple[Place, ...]
    tests: TestMask
    whole: bool
    leads_to: int
    reaches: int

    @property
    def loop_depth(self) -> int:
        """How many loops are around the innermost place."""
        return max(place.block.loop_depth for place in self.places)

    def cost(self, most: int) -> Cost:
        """Cheap is good: a function of the feature's own, well known, outside loops, sharing few tests with others, a caller
        of the others, with few places.

        The first element counts candidates, because few are better than good ones. ``most`` is the size of the whole slice.
        """
        name = obscurity(self.graph.code.qualname)
        shared = self.tests.bit_count()  # added up: all tests once, and once more for each hook beyond the first
        return (1, int(not self.whole), name, self.loop_depth, shared, most - self.reaches, len(self.places))

    @property
    def order(self) -> tuple[str, int, int]:
        """File, line, offset: the order of a plan, and what decides between equals."""
        return self.graph.code.file, self.places[0].line, self.places[0].offset


class _Tests:
    """Who executed what, turned round: from an instruction to the tests."""

    def __init__(self, feature_slice: FeatureSlice, tests: Sequence[str]) -> None:
        self._masks: dict[CodeId, list[tuple[InstructionMask, TestMask]]] = {}
        for number, test in enumerate(tests):
            for code, mask in feature_slice.by_test.get(test, {}).items():
                self._masks.setdefault(code, []).append((mask, 1 << number))

    def of(self, code: CodeId, offset: int) -> TestMask:
        bit = 1 << (offset >> 1)
        return sum(test for mask, test in self._masks.get(code, ()) if mask & bit)


class _Calls:
    """Which code of the slice may call which, going by the names that it mentions: enough to prefer callers to callees."""

    def __init__(self, union: Mapping[CodeId, InstructionMask], graphs: Mapping[CodeId, ControlFlowGraph]) -> None:
        self._union = union
        self._graphs = graphs
        self._called: dict[str, list[CodeId]] = {}
        for code in union:
            *_, outer, name = ("", *code.qualname.split("."))
            self._called.setdefault(outer if name == "__init__" else name, []).append(code)

    def reached_from(self, code: CodeId) -> int:
        """How many instructions of the slice are in ``code`` and in what it calls, and so on."""
        reached: set[CodeId] = set()
        pending = [code]
        while pending:
            caller = pending.pop()
            if caller not in reached:
                reached.add(caller)
                names = self._graphs[caller].names if caller in self._graphs else ()
                pending.extend(called for name in names for called in self._called.get(name, ()))
        return sum(self._union[code].bit_count() for code in reached)


def find_candidates(
    feature_slice: FeatureSlice, graphs: Mapping[CodeId, ControlFlowGraph], tests: Sequence[str], charge: Charge
) -> list[Candidate]:
    """Every candidate for ``charge``. Module and class bodies have none: imported lazily they look unique, and run once."""
    union = feature_slice.union
    executed = _Tests(feature_slice, tests)
    calls = _Calls(union, graphs)
    found = []
    for code in sorted(union):
        graph = graphs.get(code)
        if graph is None or not graph.is_function:
            continue
        for head in _heads(graph, executed):
            places = [head] if charge is Charge.ON_ENTRY else _successes(graph, head, executed)
            if places:
                whole = _is_entry(graph, head.block)
                found.append(
                    Candidate(
                        graph=graph,
                        places=tuple(places),
                        tests=reduce(or_, (place.tests for place in places)),
                        whole=whole,
                        leads_to=_behind(union, graph, head.block) + (_nested(union, code) if whole else 0),
                        reaches=calls.reached_from(code),
                    )
                )
    return found


def _heads(graph: ControlFlowGraph, executed: _Tests) -> list[Place]:
    """The dominator-most places. A place is left out if another one is passed first by all the tests that pass it, unless
    that one lies deeper in loops."""
    places = {
        block.index: Place(block=block, offset=block.hook_offset, line=block.line or graph.code.first_line, tests=tests)
        for block in graph.blocks
        if block.hook_offset is not None and (tests := executed.of(graph.code, block.hook_offset))
    }
    return [
        place
        for place in places.values()
        if not any(
            upper in places
            and not place.tests & ~places[upper].tests
            and places[upper].block.loop_depth <= place.block.loop_depth
            for upper in _dominators(graph, place.block)
        )
    ]


def _dominators(graph: ControlFlowGraph, block: Block) -> Iterator[int]:
    """The strict dominators, nearest first."""
    while block.dominator is not None:
        block = graph.blocks[block.dominator]
        yield block.index


def _successes(graph: ControlFlowGraph, head: Place, executed: _Tests) -> list[Place]:
    """Where the work that begins at ``head`` has succeeded: each return of a whole function, else the last place of the slice
    that all normal ways from ``head`` pass. Only what a feature test reaches counts."""
    reached = _reached_normally(graph, head.block)
    if not _is_entry(graph, head.block):
        common = [place for block in _on_all_ways(graph, head.block) if (place := _end_of(graph, block, executed))]
        return common[-1:] if reached else []
    # A return inside an `except` clause is no success. But from 3.12 on the compiler copies the return that follows the
    # whole `try`, for the handler: the copy has its line (Python/flowgraph.c, inline_small_exit_blocks).
    lines = {block.last_line for block in graph.blocks if block.returns and block.index in reached}
    returns = [block for block in graph.blocks if block.returns and block.last_line in lines]
    return [place for block in returns if (place := _end_of(graph, block, executed))]


def _end_of(graph: ControlFlowGraph, block: Block, executed: _Tests) -> Place | None:
    if block.last_hook_offset is None or not (tests := executed.of(graph.code, block.last_hook_offset)):
        return None
    return Place(block=block, offset=block.last_hook_offset, line=block.last_line or graph.code.first_line, tests=tests)


def _on_all_ways(graph: ControlFlowGraph, block: Block) -> list[Block]:
    """The block and its post-dominators, nearest first; nothing where it leads to several returns, or to none."""
    ways = [block]
    while block.post_dominator is not None:
        block = graph.blocks[block.post_dominator]
        ways.append(block)
    return ways if block.returns else []


def _reached_normally(graph: ControlFlowGraph, head: Block) -> set[int]:
    """The blocks behind ``head`` on normal edges; none if it is itself reached through an exception only."""
    normal = _closure(graph, 0)
    return _closure(graph, head.index) if head.index in normal else set()


def _closure(graph: ControlFlowGraph, start: int) -> set[int]:
    reached: set[int] = set()
    pending = [start]
    while pending:
        index = pending.pop()
        if index not in reached:
            reached.add(index)
            pending.extend(graph.blocks[index].successors)
    return reached


def _behind(union: Mapping[CodeId, InstructionMask], graph: ControlFlowGraph, head: Block) -> int:
    """The slice's instructions in the blocks that ``head`` dominates."""
    dominated = (block.mask for block in graph.blocks if graph.dominates(head.index, block.index))
    return sum((union[graph.code] & mask).bit_count() for mask in dominated)


def _is_entry(graph: ControlFlowGraph, block: Block) -> bool:
    """Whether every call begins with this place. A function that begins with a loop has no place before it."""
    first = graph.blocks[0]
    return block is first or (first.hook_offset is None and block.dominator == first.index and len(first.successors) == 1)


def _nested(union: Mapping[CodeId, InstructionMask], outer: CodeId) -> int:
    """The slice inside the functions that ``outer`` defines: there is no other way to them."""
    prefix = f"{outer.qualname}.<locals>."
    return sum(mask.bit_count() for code, mask in union.items() if code.file == outer.file and code.qualname.startswith(prefix))


def obscurity(qualname: str) -> int:
    """How far a function is from what a user of the package would name: 0 public, 1 a special method, 2 private, 3 nested,
    4 without a name."""
    *outer, name = qualname.split(".")
    if name.startswith("<"):
        return 4
    if "<locals>" in outer:
        return 3
    if any(part.startswith("_") and not _is_special(part) for part in (*outer, name)):
        return 2
    return int(_is_special(name))


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
