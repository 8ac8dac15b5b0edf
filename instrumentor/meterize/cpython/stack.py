"""Stack depth before each instruction, as the emission needs it: the standard library's own effects along every path."""

from __future__ import annotations

import dis
from collections.abc import Sequence

from meterize.errors import InternalError

from .instructions import Instruction
from .opcodes import HAS_ARGUMENT, LABELING, RETURN_GENERATOR, TERMINAL
from .versions import GENERATOR_START_PUSH_UNSEEN


def _effect(instruction: Instruction, *, jump: bool) -> int:
    arg = instruction.arg if instruction.opcode in HAS_ARGUMENT else None
    effect = dis.stack_effect(instruction.opcode, arg, jump=jump)
    if GENERATOR_START_PUSH_UNSEEN and instruction.opcode == RETURN_GENERATOR:
        effect += 1
    return effect


def depths(instructions: Sequence[Instruction]) -> list[int | None]:
    """How many values are on the stack before each instruction; None for one that cannot be reached.

    A handler starts at the depth that its table entry unwinds to, plus the exception, plus the offset if that is pushed
    (Objects/exception_handling_notes.txt).
    """
    found: list[int | None] = [None] * len(instructions)
    pending = [(0, 0)]
    seeded = set()
    while pending:
        index, depth = pending.pop()
        while found[index] is None:
            found[index] = depth
            instruction = instructions[index]
            handler = instruction.handler
            if handler and handler.entry not in seeded:
                seeded.add(handler.entry)
                pending.append((handler.target, handler.depth + handler.lasti + 1))
            if instruction.target is not None and instruction.opcode not in LABELING:
                pending.append((instruction.target, depth + _effect(instruction, jump=True)))
            if instruction.opcode in TERMINAL:
                break
            depth += _effect(instruction, jump=False)
            index += 1
        else:
            if found[index] != depth:
                raise InternalError(f"two stack depths at instruction {index}: {found[index]} and {depth}")
    return found
