"""Owns the basic blocks of a code object, and where control goes from each.

A block begins at the entry, at what a jump or the exception table names, and behind each jump and each end of control (Aho et
al., Compilers, 8.4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType
from typing import Final

from meterize.cpython.instructions import Instruction, decode
from meterize.cpython.opcodes import JUMPS, LABELING, TERMINAL

_RETURNS: Final = frozenset({"RETURN_VALUE", "RETURN_CONST"})


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
    """The blocks in code order, dead ones too."""
    instructions = decode(code)
    starts = _leaders(instructions)
    block_at = {start: index for index, start in enumerate(starts)}
    return [
        Stretch(
            instructions=instructions[start:end],
            successors=_successors(instructions[end - 1], end, block_at),
            handlers=tuple(sorted({block_at[one.handler.target] for one in instructions[start:end] if one.handler})),
        )
        for start, end in pairwise([*starts, len(instructions)])
    ]


def _leaders(instructions: Sequence[Instruction]) -> list[int]:
    """The index of the first instruction of each block, ascending."""
    found = {0}
    for index, one in enumerate(instructions):
        if one.handler:
            found.add(one.handler.target)
        if one.target is not None:
            found.add(one.target)
        if one.opcode in JUMPS or one.opcode in TERMINAL:
            found.add(index + 1)
    return sorted(found - {len(instructions)})


def _successors(last: Instruction, end: int, block_at: dict[int, int]) -> tuple[int, ...]:
    """The blocks that follow the one with this ``last`` instruction, which stops before the index ``end``."""
    leads_to = set() if last.opcode in TERMINAL else {end}
    if last.opcode in JUMPS - LABELING and last.target is not None:
        leads_to.add(last.target)
    return tuple(sorted(block_at[index] for index in leads_to))
