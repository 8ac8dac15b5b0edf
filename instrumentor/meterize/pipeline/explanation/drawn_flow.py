"""Control-flow graphs as people look at them: blocks with their source, and without the compiler's clean-up code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType
from typing import Final

from meterize.cpython.instructions import Instruction, decode
from meterize.cpython.opcodes import MARKING
from meterize.cpython.tables import Position
from meterize.model.code import CodeId
from meterize.model.flow import Block, ControlFlowGraph
from meterize.model.page import Flow, FlowBlock, FlowEdge, PageHook

_MOST: Final = 90
"""Blocks in a drawing; more can't be looked at."""
_SHOWN_LINES: Final = 3
_LONGEST: Final = 200


def draw(
    graph: ControlFlowGraph, code: CodeType, text: Sequence[str], proofs: Mapping[int, int], hooks: Iterable[PageHook]
) -> Flow:
    """The flow of one function; ``text`` are the lines of its module, ``proofs`` count the feature tests by byte offset of an
    instruction of the feature's own, ``hooks`` are those in it."""
    numbers = {block.index: tuple(h.number for h in hooks if h.point.offset in block.offsets) for block in graph.blocks}
    hooked = [index for index, found in numbers.items() if found]
    edges = _edges(graph, [0, *hooked])
    reached = _reached(edges, [0])
    shown = sorted(_nearest(edges, [0, *hooked], reached))
    place = {index: number for number, index in enumerate(shown)}
    by_offset = _speaking(code)
    instructions = {
        index: [by_offset[offset] for offset in graph.blocks[index].offsets if offset in by_offset] for index in shown
    }
    sharing, copies = _blocks_of_lines(instructions), _blocks_of_positions(instructions)
    return Flow(
        code=graph.code,
        blocks=tuple(
            _block(
                graph.blocks[index],
                instructions[index],
                text,
                proofs,
                sharing,
                copies,
                numbers[index],
                dominates=any(graph.dominates(index, each) for each in hooked),
            )
            for index in shown
        ),
        edges=tuple(
            FlowEdge(start=place[start], end=place[end], exception=exception)
            for (start, end), exception in sorted(edges.items())
            if start in place and end in place
        ),
        left_out=len(reached) - len(shown),
    )


def _speaking(code: CodeType) -> dict[int, Instruction]:
    """The instructions that stand for source of their own, by offset."""
    return {one.offset: one for one in decode(code) if one.opcode not in MARKING}


def _edges(graph: ControlFlowGraph, kept: Sequence[int]) -> dict[tuple[int, int], bool]:
    """The edges between blocks that have source, or are ``kept``, and whether only an exception leads there; others are passed
    through."""
    silent = {block.index for block in graph.blocks if block.line is None} - set(kept)
    edges: dict[tuple[int, int], bool] = {}
    for block in graph.blocks:
        if block.index in silent:
            continue
        seen: set[tuple[int, bool]] = set()
        pending = [*((index, False) for index in block.successors), *((index, True) for index in block.handlers)]
        while pending:
            index, exception = pending.pop()
            if (index, exception) in seen:
                continue
            seen.add((index, exception))
            if index not in silent:
                if index != block.index or index in block.successors:
                    edges[block.index, index] = edges.get((block.index, index), True) and exception
                continue
            pending += [(after, exception) for after in graph.blocks[index].successors]
            pending += [(after, True) for after in graph.blocks[index].handlers]
    return edges


def _reached(edges: Iterable[tuple[int, int]], starts: Iterable[int]) -> list[int]:
    """What can be reached, nearest first."""
    after: dict[int, list[int]] = defaultdict(list)
    for start, end in edges:
        after[start].append(end)
    found = dict.fromkeys(starts)
    pending = list(found)
    for index in pending:
        for each in after[index]:
            if each not in found:
                found[each] = None
                pending.append(each)
    return list(found)


def _nearest(edges: Iterable[tuple[int, int]], starts: Iterable[int], reached: Sequence[int]) -> list[int]:
    """As many blocks as can be drawn, those nearest to the entry and the hooks, whichever way."""
    both = [pair for start, end in edges for pair in ((start, end), (end, start))]
    known = set(reached)
    return [index for index in _reached(both, starts) if index in known][:_MOST]


def _blocks_of_lines(instructions: Mapping[int, Sequence[Instruction]]) -> dict[int, int]:
    """How many blocks hold code of each line."""
    found: dict[int, set[int]] = defaultdict(set)
    for index, many in instructions.items():
        for one in many:
            if one.position[0] is not None:
                found[one.position[0]].add(index)
    return {line: len(blocks) for line, blocks in found.items()}


def _blocks_of_positions(instructions: Mapping[int, Sequence[Instruction]]) -> Counter[Position]:
    """How many blocks hold code of exactly each stretch of source: the compiler copies a return into both arms."""
    return Counter(position for many in instructions.values() for position in {one.position for one in many})


def _block(
    block: Block,
    instructions: Sequence[Instruction],
    text: Sequence[str],
    proofs: Mapping[int, int],
    sharing: Mapping[int, int],
    copies: Mapping[Position, int],
    hooks: tuple[int, ...],
    *,
    dominates: bool,
) -> FlowBlock:
    own = [proofs[offset] for offset in block.offsets if offset in proofs]
    lines = sorted({_below_decorators(one.position[0], block, text) for one in instructions if one.position[0] is not None})
    span = f"{lines[0]}–{lines[-1]}" if len(lines) > 1 else "".join(map(str, lines))
    shown = [
        _text(line, instructions, text, copies if sharing.get(line, 1) > 1 else None) for line in lines if line <= len(text)
    ]
    return FlowBlock(
        lines=span,
        text=tuple(each for each in shown if each)[:_SHOWN_LINES],
        share=len(own) / len(block.offsets),
        proofs=max(own, default=0),
        hooks=hooks,
        dominates=dominates,
        loop_depth=block.loop_depth,
    )


def _below_decorators(line: int, block: Block, text: Sequence[str]) -> int:
    """What a call begins with has the line of the first decorator: the ``def`` is meant."""
    while block.index == 0 and line < len(text) and text[line - 1].lstrip().startswith("@"):
        line += 1
    return line


def _text(line: int, instructions: Sequence[Instruction], text: Sequence[str], copies: Mapping[Position, int] | None) -> str:
    """The line's source; of one that several blocks share, the part that this block evaluates."""
    whole = text[line - 1]
    positions = [one.position for one in instructions if one.position[0] == one.position[1] == line]
    own = [position for position in positions if copies and copies[position] == 1] or positions
    columns = [(left, right) for _, _, left, right in own if left is not None and right is not None and left < right]
    if copies and len(columns) == len(own) > 0:
        whole = whole.encode()[min(left for left, _ in columns) : max(right for _, right in columns)].decode("utf-8", "replace")
    return whole.strip()[:_LONGEST]


def line_at(graph: ControlFlowGraph, code: CodeType, text: Sequence[str], offset: int, line: int) -> tuple[str, str]:
    """The line of a place, and the part of it that its block evaluates (nothing where the line is the block's alone)."""
    if not 0 < line <= len(text):
        return "", ""
    by_offset = _speaking(code)
    instructions = {block.index: [by_offset[each] for each in block.offsets if each in by_offset] for block in graph.blocks}
    [block] = [block for block in graph.blocks if offset in block.offsets]
    copies = _blocks_of_positions(instructions) if _blocks_of_lines(instructions)[line] > 1 else None
    part = _text(line, instructions[block.index], text, copies) if block.index else ""
    return text[line - 1].strip(), part if part != text[line - 1].strip() else ""


def of_code(hooks: Iterable[PageHook]) -> dict[CodeId, list[PageHook]]:
    """The hooks by the code object they stand in, in order."""
    found: dict[CodeId, list[PageHook]] = defaultdict(list)
    for hook in hooks:
        found[hook.point.code].append(hook)
    return dict(found)
