"""The instructions of a code object: decoded, and assembled again byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from types import CodeType

from .opcodes import BACKWARD, CACHE_UNITS, EXTENDED_ARG, JUMPS, NAMES
from .tables import Position, Protection, Run, decode_exceptions, decode_positions, encode_exceptions, encode_positions


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
    ``target`` is the index of the instruction that its operand names, where it jumps unless it is one of ``LABELING`` (in a
    hook's NOP: where it will jump once it retires).
    ``run`` numbers the position table's run that it belongs to.
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


def _handlers(code: CodeType, starts: Sequence[int], index_at: dict[int, int]) -> dict[int, Handler]:
    """The handler of each protected instruction, by its index."""
    found: dict[int, Handler] = {}
    for entry, protection in enumerate(decode_exceptions(code)):
        handler = Handler(target=index_at[protection.target], depth=protection.depth, lasti=protection.lasti, entry=entry)
        index = index_at[protection.start]
        while index < len(starts) and starts[index] < protection.end:
            found.setdefault(index, handler)
            index += 1
    return found


def decode(code: CodeType) -> list[Instruction]:
    """The instructions of ``code`` as the compiler wrote them (without specialisation or instrumentation)."""
    return list(_decode(code))


@lru_cache(maxsize=16)  # several readers ask for the same code, one behind the other
def _decode(code: CodeType) -> tuple[Instruction, ...]:
    bytecode = code.co_code
    rows = _read_units(bytecode)
    index_at = {row[0]: index for index, row in enumerate(rows)}
    handlers = _handlers(code, list(index_at), index_at)
    runs = [(number, run.position) for number, run in enumerate(decode_positions(code)) for _ in range(run.units)]
    instructions = []
    for index, (start, offset, arg, end) in enumerate(rows):
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
                handler=handlers.get(index),
                position=position,
                run=run,
            )
        )
    return tuple(instructions)


def opcode_offsets(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """Each instruction's opcode, its byte offset, and that of its first prefix: what can be had without decoding the rest."""
    bytecode = code.co_code
    for start, offset, _, _ in _read_units(bytecode):
        yield bytecode[offset], offset, start


def handler_entries(instructions: Sequence[Instruction]) -> frozenset[int]:
    """The indices of instructions at which some handler begins."""
    return frozenset(instruction.handler.target for instruction in instructions if instruction.handler)


def _needed_units(opcode: int, arg: int) -> int:
    return 1 + CACHE_UNITS[opcode] + (max(arg.bit_length() - 1, 0) >> 3)


def _distance(instruction: Instruction, end: int, target: int) -> int:
    """The operand of a jump, in units."""
    return end - target if instruction.opcode in BACKWARD else target - end


def _lay_out(instructions: Sequence[Instruction]) -> tuple[list[int], list[int]]:
    """Where each instruction starts, in units, the total behind the last; and its operand.

    A longer jump may need a prefix, which makes other jumps longer: sizes only grow, so this ends.
    """
    args = [instruction.arg for instruction in instructions]
    sizes = [max(one.units, _needed_units(one.opcode, 0 if one.target is not None else one.arg)) for one in instructions]
    grown = True
    while grown:
        grown = False
        starts = [0]
        for size in sizes:
            starts.append(starts[-1] + size)
        for index, instruction in enumerate(instructions):
            if instruction.target is None:
                continue
            args[index] = _distance(instruction, starts[index + 1], starts[instruction.target])
            needed = _needed_units(instruction.opcode, args[index])
            if needed > sizes[index]:
                sizes[index] = needed
                grown = True
    return starts, args


def _protections(instructions: Sequence[Instruction], starts: Sequence[int]) -> Iterator[Protection]:
    for handler, group in groupby(range(len(instructions)), lambda index: instructions[index].handler):
        if handler is None:
            continue
        indices = list(group)
        yield Protection(
            2 * starts[indices[0]], 2 * starts[indices[-1] + 1], 2 * starts[handler.target], handler.depth, handler.lasti
        )


def _runs(instructions: Sequence[Instruction], starts: Sequence[int]) -> Iterator[Run]:
    for (_, position), group in groupby(range(len(instructions)), lambda i: (instructions[i].run, instructions[i].position)):
        indices = list(group)
        yield Run(starts[indices[-1] + 1] - starts[indices[0]], position)


def _bytecode(instructions: Sequence[Instruction], starts: Sequence[int], args: Sequence[int]) -> bytes:
    bytecode = bytearray()
    for index, instruction in enumerate(instructions):
        caches = CACHE_UNITS[instruction.opcode]
        for prefix in range(starts[index + 1] - starts[index] - 1 - caches, 0, -1):
            bytecode += bytes((EXTENDED_ARG, args[index] >> 8 * prefix & 255))
        bytecode += bytes((instruction.opcode, args[index] & 255)) + bytes(2 * caches)
    return bytes(bytecode)


def assemble(
    code: CodeType,
    instructions: Sequence[Instruction],
    *,
    names: tuple[str, ...] | None = None,
    consts: tuple[object, ...] | None = None,
    stack_size: int = 0,
) -> CodeType:
    """``code`` with these instructions instead: only jump distances and both tables are computed anew.

    ``stack_size`` is what the insertions need; the compiler's own figure is never lowered.
    """
    starts, args = _lay_out(instructions)
    return code.replace(
        co_code=_bytecode(instructions, starts, args),
        co_exceptiontable=encode_exceptions(_protections(instructions, starts)),
        co_linetable=encode_positions(_runs(instructions, starts), code.co_firstlineno),
        co_stacksize=max(code.co_stacksize, stack_size),
        co_names=code.co_names if names is None else names,
        co_consts=code.co_consts if consts is None else consts,
    )
