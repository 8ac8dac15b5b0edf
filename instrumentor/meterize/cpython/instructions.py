"""The instructions of a code object: decoded, and assembled again byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType

from .opcodes import BACKWARD, CACHE_UNITS, EXTENDED_ARG, JUMPS, NAMES
from .tables import Position, decode_exceptions, decode_positions


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Where an exception in an instruction goes: the index of the handler's first instruction, the stack depth to unwind to,
    and whether the offset of the failing instruction is pushed. ``entry`` keeps neighbouring table entries apart."""

    target: int
    depth: int
    lasti: bool
    entry: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction with its EXTENDED_ARG prefixes and caches.

    ``offset`` is the byte offset of the opcode, ``start`` that of its first prefix; both are -1 in an inserted one.
    ``units`` is the length in the original code: the compiler sometimes leaves a prefix that is not needed, and it stays.
    ``target`` is the index of the instruction that it jumps to. ``run`` numbers the position table's run that it belongs to.
    """

    opcode: int
    arg: int
    offset: int = -1
    start: int = -1
    units: int = 0
    target: int | None = None
    handler: Handler | None = None
    position: Position
    run: int

    @property
    def name(self) -> str:
        """The opcode's name."""
        return NAMES[self.opcode]


def _read_units(bytecode: bytes) -> list[tuple[int, int, int, int]]:
    """Start, opcode offset, argument, end of each instruction."""
    rows = []
    at, end = 0, len(bytecode)
    while at < end:
        start, arg = at, bytecode[at + 1]
        while bytecode[at] == EXTENDED_ARG:
            at += 2
            arg = arg << 8 | bytecode[at + 1]
        offset = at
        at += 2 + 2 * CACHE_UNITS[bytecode[at]]
        rows.append((start, offset, arg, at))
    return rows


def _handlers(code: CodeType, index_at: dict[int, int]) -> dict[int, Handler]:
    """The handler of each protected instruction, by its start."""
    found: dict[int, Handler] = {}
    starts = sorted(index_at)
    for entry, protection in enumerate(decode_exceptions(code)):
        handler = Handler(target=index_at[protection.target], depth=protection.depth, lasti=protection.lasti, entry=entry)
        for start in starts[index_at[protection.start] :]:
            if start >= protection.end:
                break
            found.setdefault(start, handler)
    return found


def decode(code: CodeType) -> list[Instruction]:
    """The instructions of ``code`` as the compiler wrote them (without specialisation or instrumentation)."""
    bytecode = code.co_code
    rows = _read_units(bytecode)
    index_at = {row[0]: index for index, row in enumerate(rows)}
    handlers = _handlers(code, index_at)
    runs = [(number, run.position) for number, run in enumerate(decode_positions(code)) for _ in range(run.units)]
    instructions = []
    for start, offset, arg, end in rows:
        opcode = bytecode[offset]
        target = None
        if opcode in JUMPS:
            target = index_at[end - 2 * arg if opcode in BACKWARD else end + 2 * arg]
        run, position = runs[start // 2]
        instructions.append(
            Instruction(
                opcode=opcode,
                arg=arg,
                offset=offset,
                start=start,
                units=(end - start) // 2,
                target=target,
                handler=handlers.get(start),
                position=position,
                run=run,
            )
        )
    return instructions


def handler_entries(instructions: Sequence[Instruction]) -> frozenset[int]:
    """The indices of instructions at which some handler begins."""
    return frozenset(instruction.handler.target for instruction in instructions if instruction.handler)
