"""Puts hooks that go away in place into a duplicate of a function's code, behind the code as it was compiled.

Where a hook belongs, a *detour* is written over the compiled code: a jump to the hook in the duplicate. The frame goes on there
until it jumps backward, which leads into the compiled code again. A hook that goes away puts back what its detour stands over:
from then on the function runs as the compiler wrote it, to the byte. The layout is that of M. Arnold and B. G. Ryder, A
Framework for Reducing the Cost of Instrumented Code, PLDI 2001, with detours that go away for their checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import CodeType
from typing import Final

from meterize.cpython.instructions import Handler, Instruction, decode
from meterize.cpython.legality import first_index
from meterize.cpython.opcodes import BACKWARD, EXTENDED_ARG, NUMBERS, RUN_AS_ONE

from .splicing import Insertion, Woven, put_together, weave

_UNIT: Final = 2
_NEAR: Final = 1 << 8
"""A jump of one unit reaches less far than that."""
_FAR: Final = 1 << 16
"""So does one of two."""

_STAYING: Final = frozenset({"JUMP_BACKWARD_NO_INTERRUPT"})
"""It leads back within an expression, to a SEND that belongs together with what follows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """``jump``, and zeros behind it, in place of the ``size`` bytes at ``offset``: an instruction with prefixes and caches."""

    offset: int
    size: int
    jump: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated:
    """The code with its duplicate, and the detour to each insertion.

    ``after`` are its instructions as they are without detours, ``starts`` the indices in it at which the insertions begin.
    """

    code: CodeType
    after: Sequence[Instruction]
    starts: tuple[int, ...]
    detours: tuple[Detour, ...]


def duplicate(
    code: CodeType, before: Sequence[Instruction], insertions: Sequence[Insertion], consts: tuple[object, ...]
) -> Duplicated | None:
    """``code`` with the insertions in a duplicate behind it; None if one of them has no room for a detour.

    The arguments are those of ``splice``.
    """
    rules = _Rules(before, insertions)
    if not all(map(rules.admit, insertions)):
        return None
    woven = weave(code, before, insertions, consts)
    entry = first_index(before)
    shift = len(before) - entry
    plain = put_together(code, [*before, *_second(woven, before, entry)], woven)
    after = decode(plain)
    starts = tuple(start + shift for start in woven.starts)
    detours = []
    for insertion, start in zip(insertions, starts, strict=True):
        detour = rules.detour(insertion.index, after[start].start)
        if detour is None or not _stands_again(plain.co_code, detour, after[start + len(insertion.steps)].start):
            return None
        detours.append(detour)
    bytecode = bytearray(plain.co_code)
    for detour in detours:
        bytecode[detour.offset : detour.offset + detour.size] = detour.jump.ljust(detour.size, b"\0")
    return Duplicated(code=plain.replace(co_code=bytes(bytecode)), after=after, starts=starts, detours=tuple(detours))


def _second(woven: Woven, before: Sequence[Instruction], entry: int) -> list[Instruction]:
    """The duplicate, from the function's entry on, as it stands behind ``before``."""
    shift = len(before) - entry
    first_entry = 1 + max((one.handler.entry for one in before if one.handler), default=0)
    backward = {
        woven.moved[index]: one.target
        for index, one in enumerate(before)
        if one.opcode in BACKWARD and one.name not in _STAYING
    }

    def moved(handler: Handler | None) -> Handler | None:
        number = 0 if handler is None else handler.entry
        return handler and replace(
            handler, target=handler.target + shift, entry=number + first_entry if number >= 0 else number
        )

    return [
        replace(
            one,
            target=backward[index] if index in backward else None if one.target is None else one.target + shift,
            handler=moved(one.handler),
        )
        for index, one in enumerate(woven.instructions)
        if index >= entry
    ]


def _stands_again(bytecode: bytes, detour: Detour, following: int) -> bool:
    """Whether the same stands behind the hook, to be put back from there: a jump over other hooks is longer there."""
    size = detour.size
    return bytecode[detour.offset : detour.offset + size] == bytecode[following : following + size]


class _Rules:
    """Where a detour may be written, and be put back, while frames are anywhere in the code."""

    def __init__(self, before: Sequence[Instruction], insertions: Sequence[Insertion]) -> None:
        self._before = before
        self._hooked = [insertion.index for insertion in insertions]
        self._targets = {one.target for one in before if one.target is not None}

    def admit(self, insertion: Insertion) -> bool:
        """Whether the instruction is the hook's alone, and is run by no form of the one before it."""
        index = insertion.index
        if self._hooked.count(index) > 1 or (insertion.passed_once and index in self._targets):
            return False
        return (self._before[index - 1].name, self._before[index].name) not in RUN_AS_ONE

    def detour(self, index: int, hook: int) -> Detour | None:
        """The detour from the instruction to the offset of its hook; never over two, since a frame may wait between them."""
        covered = self._before[index]
        distance = (hook - covered.start) // _UNIT - 1
        if distance < _NEAR:
            jump = bytes((NUMBERS["JUMP_FORWARD"], distance))
        elif covered.units > 1 and _NEAR <= distance - 1 < _FAR:
            jump = bytes((EXTENDED_ARG, distance - 1 >> 8, NUMBERS["JUMP_FORWARD"], distance - 1 & 255))
        else:
            return None
        return Detour(offset=covered.start, size=covered.units * _UNIT, jump=jump)
