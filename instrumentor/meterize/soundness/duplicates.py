"""Reads code that stands as it was compiled, with *detours* written over it that lead to hooks in a duplicate behind it.

Written apart from what emits it (``rewriting/duplication.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import CodeType
from typing import Final

from meterize.cpython.opcodes import EXTENDED_ARG, NUMBERS

from .reading import Instruction, Reading, Unsound, instructions_from, positions, resolve

_JUMP: Final = NUMBERS["JUMP_FORWARD"]
_MOST_BYTES: Final = 4
"""Written at once, in place (hooks/meterize_hooks/in_place.py)."""

_RUN_AS_PAIRS: Final = frozenset({"LOAD_FAST", "LOAD_CONST", "STORE_FAST"})
_RUN_WITH_THE_NEXT: Final = frozenset({"COMPARE_OP", "BINARY_OP", "PRECALL", "KW_NAMES"})
_AT_ONCE: Final = frozenset({"LOAD_FAST", "LOAD_CONST", "LOAD_CLOSURE", "LOAD_DEREF", "PUSH_NULL", "NOP", "COPY", "SWAP"})
"""What lets nothing else run, so that no frame waits between it and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """A jump, its index in the new code, and the indices in the old one of what it stands over."""

    jump: Instruction
    at: int
    over: range


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated:
    """The code as a whole. Its first ``length`` instructions are those of the original and detours; ``place`` tells where an
    instruction of the original is there, by indices: where it was, or where the detour is that begins with it."""

    reading: Reading
    length: int
    place: Mapping[int, int]
    detours: Sequence[Detour]


def read_duplicated(old: Reading, emitted: CodeType) -> Duplicated | None:
    """``emitted``, if it differs from ``old``, up to the end of that, in nothing but jumps to somewhere behind; else None.

    Raises Unsound where such code cannot be what an interpreter expects, or could not become the original again.
    """
    length = len(old.code.co_code)
    if len(emitted.co_code) <= length:
        return None
    detours = list(_detours(old, emitted.co_code))
    covered = {index: detour for detour in detours for index in detour.over}
    if not detours or not all(
        index in covered or _is_there(one, old.code.co_code, emitted.co_code) for index, one in enumerate(old.instructions)
    ):
        return None
    for detour in detours:
        _check_cover(old, detour)
    where = positions(emitted)
    if where[: length // 2] != positions(old.code):
        raise Unsound("the compiled code has other positions than it had")
    first: list[Instruction] = []
    place: dict[int, int] = {}
    for index, one in enumerate(old.instructions):
        here = covered.get(index)
        if here is None or index == here.over.start:
            place[index] = len(first)
            first.append(here.jump if here else replace(one, target=None, handler=None))
    reading = resolve(emitted, [*first, *instructions_from(length, emitted.co_code, where)])
    _check_handlers(old, reading, place)
    return Duplicated(
        reading=reading,
        length=len(first),
        place=place,
        detours=[replace(detour, at=place[detour.over.start]) for detour in detours],
    )


def _is_there(one: Instruction, before: bytes, after: bytes) -> bool:
    return before[one.start : one.end] == after[one.start : one.end]


def _detours(old: Reading, bytecode: bytes) -> Iterator[Detour]:
    """Jumps to behind the original's end that stand where it has something else."""
    index = 0
    while index < len(old.instructions):
        one = old.instructions[index]
        jump = None if _is_there(one, old.code.co_code, bytecode) else _jump_at(one, bytecode)
        index += 1
        if jump is not None and jump.end + 2 * jump.arg >= len(old.code.co_code):
            start = index - 1
            while index < len(old.instructions) and old.instructions[index].start < jump.end:
                index += 1
            yield Detour(jump=jump, at=-1, over=range(start, index))


def _jump_at(one: Instruction, bytecode: bytes) -> Instruction | None:
    """The jump that stands where ``one`` stood."""
    at, arg = one.start, bytecode[one.start + 1]
    if bytecode[at] == EXTENDED_ARG:
        at += 2
        arg = arg << 8 | bytecode[at + 1]
    if bytecode[at] != _JUMP:
        return None
    return Instruction(opcode=_JUMP, arg=arg, start=one.start, offset=at, end=at + 2, position=one.position)


def _check_cover(old: Reading, detour: Detour) -> None:
    """Whatever frames are in the code, the jump can be written there, and what was there be put back."""
    jump, over = detour.jump, [old.instructions[index] for index in detour.over]
    if jump.end - jump.start > _MOST_BYTES or jump.end > over[-1].end:
        raise jump.wrong("it is longer than what is written at once")
    if len(over) > 1 and over[0].name not in _AT_ONCE:
        raise jump.wrong(f"a frame may wait behind {over[0].name}")
    if over[0].position[0] != over[-1].position[0]:
        raise jump.wrong("it stands over two lines, and a tracer would be told of the first twice")
    previous = old.instructions[detour.over.start - 1].name
    if previous in _RUN_WITH_THE_NEXT or {previous, over[0].name} <= _RUN_AS_PAIRS:
        raise jump.wrong(f"{previous} may be run with what it stands over")


def _check_handlers(old: Reading, new: Reading, place: Mapping[int, int]) -> None:
    """The compiled code has the handlers that it had."""
    for index, at in place.items():
        handler, here = old.instructions[index].handler, new.instructions[at]
        expected = handler and handler._replace(target=place.get(handler.target, -1))
        if here.handler != expected:
            raise here.wrong(f"its handler was {expected} and is {here.handler}")


def check_detours(old: Reading, new: Duplicated, moved: Sequence[int], hooks: Sequence[range]) -> dict[int, tuple[int, int]]:
    """By the index at which a hook begins, the offset of the detour to it and how many bytes that stands over.

    Raises Unsound unless each hook has one of its own, and behind it the same bytes that the detour stands over.
    """
    instructions, found = new.reading.instructions, {}
    ends = {hook.start: hook.stop for hook in hooks}
    for detour in new.detours:
        jump = instructions[detour.at]
        target = -1 if jump.target is None else jump.target
        if target in found or ends.get(target) != moved[detour.over.start]:
            raise jump.wrong("it does not lead to the hook of what it stands over")
        start, end = old.instructions[detour.over.start].start, old.instructions[detour.over.stop - 1].end
        again = instructions[ends[target]].start
        if old.code.co_code[start:end] != new.reading.code.co_code[again : again + end - start]:
            raise jump.wrong("what it stands over is not what stands behind the hook")
        found[target] = start, end - start
    for start in ends.keys() - found.keys():
        raise instructions[start].wrong("nothing leads to this hook")
    return found
