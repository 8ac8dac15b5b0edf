"""Owns the control-flow graph of a code object: its blocks, what dominates them, and where a hook may stand in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import CodeType

from meterize.cpython.identity import code_digest, code_id, is_function, kind, walk
from meterize.cpython.instructions import Instruction
from meterize.cpython.legality import hook_offsets
from meterize.cpython.mentions import names_by_offset
from meterize.model.code import mask_of
from meterize.model.flow import Block, ControlFlowGraph

from .blocks import Stretch, find_blocks
from .dominance import immediate_dominators, immediate_post_dominators, loop_depths


def build_graph(file: str, code: CodeType) -> ControlFlowGraph:
    """The control flow of ``code``, found in ``file`` (posix, relative to the folder that holds the package).

    Dominators and loops count exception edges too. Post-dominators follow normal edges to a return: they say what every
    successful call passes.
    """
    stretches = find_blocks(code)
    normal = [stretch.successors for stretch in stretches]
    edges = [frozenset((*stretch.successors, *stretch.handlers)) for stretch in stretches]
    dominators = immediate_dominators(edges)
    returning = [index for index, stretch in enumerate(stretches) if stretch.returns]
    post_dominators = immediate_post_dominators(normal, returning)
    depths = loop_depths(edges, dominators)
    legal = hook_offsets(code)
    names = names_by_offset(code)
    return ControlFlowGraph(
        code=code_id(file, code),
        digest=code_digest(code),
        is_function=is_function(code),
        kind=kind(code),
        blocks=tuple(
            _block(index, stretch, legal, names, dominators[index], post_dominators[index], depths[index])
            for index, stretch in enumerate(stretches)
        ),
        names=frozenset(name for _, nested in walk(code) for name in nested.co_names),
    )


def _block(
    index: int,
    stretch: Stretch,
    legal: frozenset[int],
    names: Mapping[int, str],
    dominator: int | None,
    post_dominator: int | None,
    loop_depth: int,
) -> Block:
    offsets = tuple(instruction.offset for instruction in stretch.instructions)
    places = [instruction for instruction in stretch.instructions if instruction.offset in legal]
    return Block(
        index=index,
        offsets=offsets,
        mask=mask_of(offsets),
        line=_first_line([*places, *stretch.instructions]),
        hook_offset=places[0].offset if places else None,
        successors=stretch.successors,
        handlers=stretch.handlers,
        dominator=dominator,
        post_dominator=post_dominator,
        loop_depth=loop_depth,
        last_hook_offset=places[-1].offset if places else None,
        last_line=_first_line([*reversed(places), *stretch.instructions]),
        returns=stretch.returns,
        names=frozenset(names[offset] for offset in offsets if offset in names),
    )


def _first_line(instructions: Iterable[Instruction]) -> int | None:
    """The first line there is: clean-up code of the compiler has none."""
    return next((line for instruction in instructions if (line := instruction.position[0]) is not None), None)
