"""Reads a code object from its bytes, and trusts none of them.

Written apart from what assembles code (``cpython/instructions.py``, ``cpython/tables.py``), with which it shares the tables of
opcodes only: a mistake there must not be made here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Final, NamedTuple, TypeAlias

from meterize.cpython.effects import effect
from meterize.cpython.opcodes import (
    BACKWARD,
    CACHE_UNITS,
    EXTENDED_ARG,
    INDEXES_CONSTS,
    JUMPS,
    NAMES,
    local_indices,
    name_index,
)

Position: TypeAlias = tuple[int | None, int | None, int | None, int | None]
"""Line, end line, column, end column, as ``co_positions`` gives them."""

_MOST_PREFIXES: Final = 3
_KNOWN: Final = frozenset(number for number, name in enumerate(NAMES) if effect(name, 0, jump=False) is not None)
_INDEXING: Final = INDEXES_CONSTS | {
    number for number in _KNOWN if name_index(number, 0) is not None or local_indices(number, 0)
}


class Unsound(Exception):  # noqa: N818  # a finding about code, not an error of ours to show
    """What would go wrong, and at which instruction."""


class Handler(NamedTuple):
    """Where an exception leads: the index of an instruction, how many values stay, whether the failing offset is pushed."""

    target: int
    depth: int
    lasti: bool


@dataclass(slots=True, kw_only=True)
class Instruction:
    """One instruction; ``start`` and ``offset`` are the byte offsets of its first prefix and of its opcode, ``target`` is the
    index of the instruction that its operand names."""

    opcode: int
    arg: int
    start: int
    offset: int
    end: int
    position: Position
    target: int | None = None
    handler: Handler | None = None

    @property
    def name(self) -> str:
        """The opcode's name."""
        return NAMES[self.opcode]

    @property
    def prefixes(self) -> int:
        """How many EXTENDED_ARG stand in front of it."""
        return (self.offset - self.start) // 2

    def wrong(self, what: str) -> Unsound:
        """A finding about it."""
        return Unsound(f"{self.name} at {self.offset}: {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A code object and its instructions."""

    code: CodeType
    instructions: list[Instruction]


def read(code: CodeType) -> Reading:
    """The instructions of ``code``; raises Unsound if its bytes or one of its tables cannot be what an interpreter expects.

    Whether operands mean something is asked by ``check_operands``.
    """
    return resolve(code, list(instructions_from(0, code.co_code, positions(code))))


def resolve(code: CodeType, instructions: list[Instruction]) -> Reading:
    """The instructions of ``code``, told where they lead."""
    index_at = {one.start: index for index, one in enumerate(instructions)}
    for one in instructions:
        if one.opcode in JUMPS:
            one.target = _target(one, index_at)
    _protect(code.co_exceptiontable, instructions, index_at)
    return Reading(code=code, instructions=instructions)


def instructions_from(at: int, bytecode: bytes, positions: list[Position]) -> Iterator[Instruction]:
    """The instructions that stand behind an offset, with the positions of all units."""
    if len(bytecode) % 2:
        raise Unsound("half a unit of code")
    size = len(bytecode)
    while at < size:
        start, arg = at, bytecode[at + 1]
        while bytecode[at] == EXTENDED_ARG:
            at += 2
            if at == size or at - start > 2 * _MOST_PREFIXES:
                raise Unsound(f"EXTENDED_ARG at {start}: no opcode follows")
            arg = arg << 8 | bytecode[at + 1]
        opcode = bytecode[at]
        end = at + 2 + 2 * CACHE_UNITS[opcode]
        one = Instruction(opcode=opcode, arg=arg, start=start, offset=at, end=end, position=positions[start // 2])
        if end > start + 2:
            if end > size or bytecode[at + 2 : end].strip(b"\0"):
                raise one.wrong("its caches are cut short, or not empty")
            if positions[start // 2 : end // 2].count(one.position) < (end - start) // 2:
                raise one.wrong("two positions in one instruction")
        if opcode not in _KNOWN:
            raise one.wrong("an opcode that is not known")
        yield one
        at = end


def _target(one: Instruction, index_at: dict[int, int]) -> int:
    distance = -2 * one.arg if one.opcode in BACKWARD else 2 * one.arg
    target = index_at.get(one.end + distance)
    if target is None:
        raise one.wrong(f"it leads to {one.end + distance}, where no instruction starts")
    return target


def check_operands(reading: Reading) -> None:
    """Raise Unsound where an operand is no index of a constant, a name or a variable, and should be one."""
    code = reading.code
    names, consts = len(code.co_names), len(code.co_consts)
    variables = len({*code.co_varnames, *code.co_cellvars}) + len(code.co_freevars)
    for one in reading.instructions:
        if one.opcode not in _INDEXING:
            continue
        name, const, variable = _indices(one.opcode, one.arg)
        if name >= names:
            raise one.wrong(f"no name {name}")
        if const >= consts:
            raise one.wrong(f"no constant {const}")
        if variable >= variables:
            raise one.wrong(f"no variable {variable}")


@lru_cache(maxsize=1 << 12)
def _indices(opcode: int, arg: int) -> tuple[int, int, int]:
    """Into names, constants and variables; -1 where an operand holds none."""
    name = name_index(opcode, arg)
    const = arg if opcode in INDEXES_CONSTS else -1
    return -1 if name is None else name, const, max(local_indices(opcode, arg), default=-1)


# The table of exceptions (Objects/exception_handling_notes.txt).

_STARTING, _MORE, _DIGITS = 128, 64, 63


def _numbers(table: bytes) -> Iterator[int]:
    value = 0
    for at, byte in enumerate(table):
        value = value << 6 | byte & _DIGITS
        if byte & _MORE:
            if at + 1 == len(table):
                raise Unsound("the exception table is cut short")
            continue
        yield value
        value = 0


def _protect(table: bytes, instructions: list[Instruction], index_at: dict[int, int]) -> None:
    """Give the protected instructions their handlers."""
    numbers = list(_numbers(table))
    if len(numbers) % 4 or sum(byte & _STARTING != 0 for byte in table) != len(numbers) // 4:
        raise Unsound("the exception table is cut short")
    bounds = {**index_at, instructions[-1].end: len(instructions)}
    before = 0
    for at in range(0, len(numbers), 4):
        start, length, target, depth = numbers[at : at + 4]
        if start < before or not length:
            raise Unsound(f"the exception table is out of order, or overlaps, at {2 * start}")
        before = start + length
        first, behind, handler = bounds.get(2 * start), bounds.get(2 * before), index_at.get(2 * target)
        if first is None or behind is None or handler is None:
            raise Unsound(f"the exception table's {2 * start} to {2 * before}, {2 * target}: no instruction starts there")
        found = Handler(handler, depth >> 1, bool(depth & 1))
        for one in instructions[first:behind]:
            one.handler = found


# The table of positions (Objects/locations.md): each entry begins with a byte that has its high bit set.

_VARYING: Final = rb"[\x40-\x7f]*[\x00-\x3f]"
_ENTRIES: Final = re.compile(
    rb"(?:[\x80-\xcf][\x00-\x7f]|[\xd0-\xe7][\x00-\x7f]{2}|[\xe8-\xef]V|[\xf0-\xf7]VVVV|[\xf8-\xff])*".replace(b"V", _VARYING)
)


def positions(code: CodeType) -> list[Position]:
    """The position of each unit, by the interpreter's own reader, once the table is known to be whole."""
    table = code.co_linetable
    if not _ENTRIES.fullmatch(table):
        raise Unsound("the table of positions cannot be read")
    covered = sum((byte & 7) + 1 for byte in table if byte & _STARTING)
    if covered != len(code.co_code) // 2:
        raise Unsound(f"the table of positions covers {covered} units of {len(code.co_code) // 2}")
    return list(code.co_positions())
