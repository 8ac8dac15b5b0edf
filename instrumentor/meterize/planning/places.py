"""Owns the places of one code object: where the feature's own work begins, and where it has succeeded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import Executed
from meterize.model.feature import Charge
from meterize.model.flow import Block, ControlFlowGraph

TestMask: TypeAlias = int
"""A set of feature tests: bit *i* is the *i*-th of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One instruction that a hook can stand before, and the feature tests that execute it.

    ``loop_depth`` counts the loops in which it is passed. At the entry of a function that begins with a loop it is none: the
    jumps back leave such a hook out.
    """

    block: Block
    offset: int
    line: int
    tests: TestMask
    loop_depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Work of the feature that begins at ``head``; a use of it passes one of ``ends`` where it is charged."""

    head: Place
    ends: tuple[Place, ...]


class Executions:
    """Who executed what, turned round: from an instruction to the tests."""

    def __init__(self, by_test: Mapping[str, Executed], tests: Sequence[str]) -> None:
        self._masks: dict[CodeId, list[tuple[InstructionMask, TestMask]]] = {}
        for number, test in enumerate(tests):
            for code, mask in by_test.get(test, {}).items():
                self._masks.setdefault(code, []).append((mask, 1 << number))

    def of(self, code: CodeId, offset: int) -> TestMask:
        """The tests that execute the instruction at ``offset``."""
        bit = 1 << (offset >> 1)
        return sum(test for mask, test in self._masks.get(code, ()) if mask & bit)


def find_work(graph: ControlFlowGraph, executions: Executions, charge: Charge) -> list[Work]:
    """The work that begins in this code object, at its dominator-most places.

    A place is left out if another one is passed first by all the tests that pass it, unless that one lies deeper in loops.
    On success, work that has no clear end is left out as well.
    """
    works = ((block.index, work_at(graph, block, executions, charge)) for block in graph.blocks)
    found = {index: work for index, work in works if work is not None}
    return [work for work in found.values() if not any(_includes(upper, work) for upper in _above(graph, work, found))]


def work_at(graph: ControlFlowGraph, block: Block, executions: Executions, charge: Charge) -> Work | None:
    """The work that begins in ``block``; None where no test passes it, no hook can stand there, or it has no clear end."""
    head = _place(graph, block, block.hook_offset, block.line, executions)
    if head is None:
        return None
    ends = [head] if charge is Charge.ON_ENTRY else _ends(graph, block, executions)
    return Work(head=head, ends=tuple(ends)) if ends else None


def _place(graph: ControlFlowGraph, block: Block, offset: int | None, line: int | None, executions: Executions) -> Place | None:
    if offset is None or not (tests := executions.of(graph.code, offset)):
        return None
    begins = offset == block.hook_offset and graph.begins_with(block)
    return Place(
        block=block,
        offset=offset,
        line=line or graph.code.first_line,
        tests=tests,
        loop_depth=0 if begins else block.loop_depth,
    )


def _above(graph: ControlFlowGraph, work: Work, found: dict[int, Work]) -> Iterator[Work]:
    """The work whose head dominates this one's, nearest first."""
    block = work.head.block
    while block.dominator is not None:
        block = graph.blocks[block.dominator]
        if block.index in found:
            yield found[block.index]


def _includes(upper: Work, lower: Work) -> bool:
    return not lower.head.tests & ~upper.head.tests and upper.head.loop_depth <= lower.head.loop_depth


def _ends(graph: ControlFlowGraph, head: Block, executions: Executions) -> list[Place]:
    """Where the work that begins in ``head`` has succeeded: each return of a whole function, else the last place of the slice
    that all normal ways from ``head`` pass. Only what a feature test reaches counts."""
    reached = _reached_normally(graph, head)
    if not graph.begins_with(head):
        ways = [_end(graph, block, executions) for block in _on_all_ways(graph, head)] if reached else []
        return [end for end in ways if end][-1:]
    # A return inside an `except` clause is no success. But from 3.12 on the compiler copies the return that follows the
    # whole `try`, for the handler: the copy has its line (Python/flowgraph.c, inline_small_exit_blocks).
    lines = {block.last_line for block in graph.blocks if block.returns and block.index in reached}
    returns = (_end(graph, block, executions) for block in graph.blocks if block.returns and block.last_line in lines)
    return [end for end in returns if end]


def _end(graph: ControlFlowGraph, block: Block, executions: Executions) -> Place | None:
    return _place(graph, block, block.last_hook_offset, block.last_line, executions)


def _on_all_ways(graph: ControlFlowGraph, block: Block) -> list[Block]:
    """The block and its post-dominators, nearest first; nothing where it leads to several returns, or to none."""
    ways = [block]
    while block.post_dominator is not None:
        block = graph.blocks[block.post_dominator]
        ways.append(block)
    return ways if block.returns else []


def _reached_normally(graph: ControlFlowGraph, head: Block) -> set[int]:
    """The blocks behind ``head`` on normal edges; none if it is itself reached through an exception only."""
    return _closure(graph, head.index) if head.index in _closure(graph, 0) else set()


def _closure(graph: ControlFlowGraph, start: int) -> set[int]:
    reached: set[int] = set()
    pending = [start]
    while pending:
        index = pending.pop()
        if index not in reached:
            reached.add(index)
            pending.extend(graph.blocks[index].successors)
    return reached
