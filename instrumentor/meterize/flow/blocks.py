"""Owns the basic blocks of a code object, read with the library `bytecode` and checked against our own decoding.

The library keeps no offsets: a block's instructions get theirs by order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType
from typing import Final

from bytecode import ConcreteBytecode, ConcreteInstr, ControlFlowGraph, Instr

from meterize.cpython.instructions import Instruction, decode
from meterize.cpython.opcodes import JUMPS, LABELING, TERMINAL
from meterize.errors import InternalError

_RETURNS: Final = frozenset({"RETURN_VALUE", "RETURN_CONST"})

_MISREAD: Final = {"BUILD_INTERPOLATION": 2, "CALL_INTRINSIC_2": 1}
"""Opcodes of which the library does not know every operand, and one that it knows. Blocks don't depend on them.

bytecode 0.19.1 lacks defaults of type parameters (3.13, Include/internal/pycore_intrinsics.h, INTRINSIC_SET_TYPEPARAM_DEFAULT)
and conversions in t-strings (3.14, Python/codegen.c, codegen_interpolation).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The instructions of one block and where control goes from it: block indices, ascending."""

    instructions: Sequence[Instruction]
    successors: tuple[int, ...]
    handlers: tuple[int, ...]

    @property
    def returns(self) -> bool:
        """Whether it ends the call normally."""
        return self.instructions[-1].name in _RETURNS


def find_blocks(code: CodeType) -> list[Stretch]:
    """The blocks in code order, dead ones too. Raises InternalError where the library and our decoding disagree."""
    instructions = decode(code)
    graph = _library_graph(code)
    ends = _ends(graph, instructions)
    block_at = {start: index for index, start in enumerate((0, *ends[:-1]))}
    successors = [_successors(graph, index, instructions[end - 1], block_at) for index, end in enumerate(ends)]
    stretches = []
    for index, (start, end) in enumerate(pairwise((0, *ends))):
        targets = {one.handler.target for one in instructions[start:end] if one.handler}
        if not targets <= block_at.keys():
            raise InternalError(f"{code.co_filename}: {code.co_qualname}: a handler is no block")
        stretches.append(
            Stretch(
                instructions=instructions[start:end],
                successors=successors[index],
                handlers=tuple(sorted(block_at[target] for target in targets)),
            )
        )
    return stretches


def _library_graph(code: CodeType) -> ControlFlowGraph:
    concrete = ConcreteBytecode.from_code(code)
    # The library names the variables too, and runs out of names where a comprehension's own variable is free around it
    # (3.13, bytecode 0.19.1). Blocks don't depend on names: give it one for every slot.
    concrete.varnames = [*code.co_varnames, *code.co_cellvars, *code.co_freevars]
    for one in concrete:
        if isinstance(one, ConcreteInstr) and one.name in _MISREAD:
            one.arg = _MISREAD[one.name]
    return ControlFlowGraph.from_bytecode(concrete.to_bytecode())


def _ends(graph: ControlFlowGraph, instructions: Sequence[Instruction]) -> list[int]:
    """The index behind the last instruction of each block."""
    ends: list[int] = []
    names: list[str] = []
    for block in graph:
        names.extend(item.name for item in block if isinstance(item, Instr))
        ends.append(len(names))
    if names != [instruction.name for instruction in instructions]:
        raise InternalError(f"{graph.filename}: {graph.name}: the library reads other instructions than we do")
    return ends


def _successors(graph: ControlFlowGraph, index: int, last: Instruction, block_at: dict[int, int]) -> tuple[int, ...]:
    block = graph[index]
    jumps = last.opcode in JUMPS - LABELING
    leads_to = (block.next_block, block.get_jump() if jumps else None)
    found = {graph.get_block_index(other) for other in leads_to if other is not None}
    expected = set() if last.opcode in TERMINAL else {index + 1}
    if jumps and last.target is not None:
        expected.add(block_at.get(last.target, -1))
    if found != expected:
        raise InternalError(f"{graph.filename}: {graph.name}: block {index} leads to {found} and to {expected}")
    return tuple(sorted(found))
