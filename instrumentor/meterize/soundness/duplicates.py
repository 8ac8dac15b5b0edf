"""Reads code that stands as it was compiled, with *detours* written over it that lead to hooks in a duplicate behind it.

Written apart from what emits it (``rewriting/duplication.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import CodeType
from typing import Final

from meterize.cpython.opcodes import EXTENDED_ARG, NUMBERS, RUN_AS_ONE

from .reading import Instruction, Reading, Unsound, instructions_from, positions, resolve

_JUMP: Final = NUMBERS["JUMP_FORWARD"]
_MOST_BYTES: Final = 4
"""Of a jump: an EXTENDED_ARG in front of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated:
    """The code as a whole: the original's instructions, but for jumps at the indices ``detours``, and what is behind them."""

    reading: Reading
    detours: Sequence[int]


def read_duplicated(old: Reading, emitted: CodeType) -> Duplicated | None:
    """``emitted``, if it differs from ``old``, up to the end of that, in nothing but jumps to somewhere behind; else None.

    Raises Unsound where such code cannot be what an interpreter expects, or could not become the original again.
    """
    before, after = old.code.co_code, emitted.co_code
    if len(after) <= len(before):
        return None
    detours: list[int] = []
    first: list[Instruction] = []
    for index, one in enumerate(old.instructions):
        is_there = before[one.start : one.end] == after[one.start : one.end]
        here = replace(one, target=None, handler=None) if is_there else _jump_at(one, after)
        if here is None or not (is_there or _leads_behind(here, one, before, after)):
            return None
        first.append(here)
        if not is_there:
            detours.append(index)
    if not detours:
        return None
    for index in detours:
        _check_neighbour(old, index, first[index])
    where = positions(emitted)
    if where[: len(before) // 2] != positions(old.code):
        raise Unsound("the compiled code has other positions than it had")
    reading = resolve(emitted, [*first, *instructions_from(len(before), after, where)])
    for one, here in zip(old.instructions, reading.instructions, strict=False):
        if one.handler != here.handler:
            raise here.wrong(f"its handler was {one.handler} and is {here.handler}")
    return Duplicated(reading=reading, detours=detours)


def _jump_at(one: Instruction, bytecode: bytes) -> Instruction | None:
    """The jump that stands where ``one`` stood."""
    at, arg = one.start, bytecode[one.start + 1]
    if bytecode[at] == EXTENDED_ARG:
        at += 2
        arg = arg << 8 | bytecode[at + 1]
    if bytecode[at] != _JUMP:
        return None
    return Instruction(opcode=_JUMP, arg=arg, start=one.start, offset=at, end=at + 2, position=one.position)


def _leads_behind(jump: Instruction, covered: Instruction, before: bytes, after: bytes) -> bool:
    """Whether the jump takes no more room than what it stands over, with nothing in the rest of that, and leads out."""
    return (
        jump.end - jump.start <= _MOST_BYTES
        and (jump.start == jump.offset or jump.arg > 255)
        and jump.end <= covered.end
        and not after[jump.end : covered.end].strip(b"\0")
        and jump.end + 2 * jump.arg >= len(before)
    )


def _check_neighbour(old: Reading, index: int, jump: Instruction) -> None:
    """No form of the instruction in front runs what the jump stands over."""
    previous, covered = old.instructions[index - 1].name, old.instructions[index].name
    if (previous, covered) in RUN_AS_ONE:
        raise jump.wrong(f"{previous} may be run with what it stands over")


def check_detours(old: Reading, new: Duplicated, moved: Sequence[int], hooks: Sequence[range]) -> dict[int, tuple[int, int]]:
    """By the index at which a hook begins, the offset of the detour to it and how many bytes that stands over.

    Raises Unsound unless each hook has one of its own, and behind it the same bytes that the detour stands over.
    """
    instructions, found = new.reading.instructions, {}
    ends = {hook.start: hook.stop for hook in hooks}
    for index in new.detours:
        jump, covered = instructions[index], old.instructions[index]
        target = -1 if jump.target is None else jump.target
        if target in found or ends.get(target) != moved[index]:
            raise jump.wrong("it does not lead to the hook of what it stands over")
        again, size = instructions[ends[target]].start, covered.end - covered.start
        if old.code.co_code[covered.start : covered.end] != new.reading.code.co_code[again : again + size]:
            raise jump.wrong("what it stands over is not what stands behind the hook")
        found[target] = covered.start, size
    for start in ends.keys() - found.keys():
        raise instructions[start].wrong("nothing leads to this hook")
    return found
