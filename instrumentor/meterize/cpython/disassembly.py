"""Bytecode as text, for people who look at a rewrite before it is written."""

from __future__ import annotations

import dis
from types import CodeType

from .instructions import Instruction, decode
from .opcodes import HAS_ARGUMENT


def disassemble(code: CodeType) -> list[str]:
    """One line an instruction: source line where it changes, offset of the opcode, name, operand and its meaning.

    Nested code is not gone into, and no address in memory is shown.
    """
    instructions = listed(code)
    meanings = {one.offset: one.argrepr for one in dis.get_instructions(code)}
    lines = []
    shown: int | None = None
    for one in instructions:
        line = one.position[0]
        mark = str(line) if line is not None and line != shown else ""
        shown = shown if line is None else line
        lines.append(f"{mark:>5} {one.offset:>5} {one.name:<28}{_operand(one, meanings.get(one.offset, ''))}".rstrip())
    return lines


def listed(code: CodeType) -> list[Instruction]:
    """The instructions that have a line: caches have none where a jump stands over what they belong to."""
    return [one for one in decode(code) if one.name != "CACHE"]


def _operand(instruction: Instruction, meaning: str) -> str:
    if instruction.opcode not in HAS_ARGUMENT:
        return ""
    if meaning.startswith("<code object "):
        meaning = meaning.partition(" at 0x")[0] + ">"
    return f"{instruction.arg:<6}{f'({meaning})' if meaning else ''}"
