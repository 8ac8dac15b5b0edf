"""What tells hook points apart that stand on one line: the compiler copies a ``return`` behind two arms to the end of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from meterize.cpython.instructions import decode
from meterize.model.flow import Block, ControlFlowGraph
from meterize.model.plan import HookPoint
from meterize.pipeline.graphs import Graphs

_LONGEST: Final = 60


def tell_apart(points: Sequence[HookPoint], graphs: Graphs) -> tuple[HookPoint, ...]:
    """The same, in their order; ``why`` begins with which of the places on a line it is, where there are several."""
    by_line = sorted(points, key=lambda point: (point.code, point.line))
    said = {}
    for (_, line), group in groupby(by_line, key=lambda point: (point.code, point.line)):
        twins = list(group)
        if len(twins) > 1:
            for point, which in zip(twins, _which(twins, graphs), strict=True):
                said[point.id] = f"One of {len(twins)} places on line {line}: the one {which}. {point.why}"
    return tuple(dataclasses.replace(point, why=said.get(point.id, point.why)) for point in points)


def _which(twins: Sequence[HookPoint], graphs: Graphs) -> list[str]:
    """By the part of the line that each stands at, else by where control comes from, else by its place in the bytecode."""
    graph = graphs.all([twins[0].code])[twins[0].code]
    parts = [_part(point, graph, graphs) for point in twins]
    if all(parts) and len(set(parts)) == len(parts):
        return [f"at `{part}`" for part in parts]
    before = [_lines_before(point, graph, graphs) for point in twins]
    if all(before) and len(set(before)) == len(before):
        return [f"after line{'s' * (len(lines) > 1)} {' and '.join(map(str, lines))}" for lines in before]
    return [f"at byte {point.offset} of the code" for point in twins]


def _part(point: HookPoint, graph: ControlFlowGraph, graphs: Graphs) -> str:
    # Few plans have twins, and every analyze would load these.
    from meterize.pipeline.explanation.coloured_source import source_lines
    from meterize.pipeline.explanation.drawn_flow import line_at

    code = graphs.code.codes(point.code.file)[point.code]
    _, part = line_at(graph, code, source_lines(graphs.code, point.code.file), point.offset, point.line)
    return part if len(part) <= _LONGEST else f"{part[:_LONGEST]} …"


def _lines_before(point: HookPoint, graph: ControlFlowGraph, graphs: Graphs) -> tuple[int, ...]:
    """The lines from which control comes to the point's own."""
    lines = {one.offset: one.position[0] for one in decode(graphs.code.codes(point.code.file)[point.code])}
    [start] = [block for block in graph.blocks if point.offset in block.offsets]
    found: set[int] = set()
    seen = {start.index}
    pending = [(start, [offset for offset in start.offsets if offset < point.offset])]
    while pending:
        block, offsets = pending.pop()
        other = next((line for each in reversed(offsets) if (line := lines[each]) not in (None, point.line)), None)
        if other is not None:
            found.add(other)
            continue
        for each in _before(graph, block):
            if each.index not in seen:
                seen.add(each.index)
                pending.append((each, list(each.offsets)))
    return tuple(sorted(found))


def _before(graph: ControlFlowGraph, block: Block) -> list[Block]:
    """The blocks that lead to this one; on an exception only where nothing else does."""
    normal = [each for each in graph.blocks if block.index in each.successors]
    return normal or [each for each in graph.blocks if block.index in each.handlers]
