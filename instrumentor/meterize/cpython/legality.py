"""Where a hook may stand.

``NEVER_BEFORE`` and ``NEVER_SPLIT`` are the rules as data, each with the place in CPython that makes it necessary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Final

from .instructions import Instruction, decode, handler_entries
from .opcodes import CONDITIONAL, NAMES, PUSH_EXC_INFO, RESUME, TERMINAL
from .stack import depths


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """No hook between ``first`` and ``second``; None stands for any instruction."""

    first: str | None = None
    second: str | None = None
    because: str
    source: str


NEVER_BEFORE: Final = (
    Rule(
        second="RESUME",
        because="the frame starts with RESUME 0; throw() looks for RESUME 1 to 3 right after its YIELD_VALUE",
        source="Objects/genobject.c, _PyGen_yf (3.11, 3.12), gen_close (3.13)",
    ),
    Rule(
        second="PUSH_EXC_INFO",
        because="the unwinder jumps to it directly: what stands before it never runs",
        source="Python/ceval.c, exception_unwind",
    ),
    Rule(
        second="END_FOR",
        because="FOR_ITER's operand points at it, and an exhausted iterator jumps one unit farther",
        source="Python/bytecodes.c, FOR_ITER",
    ),
    Rule(
        second="END_SEND",
        because="SEND and CLEANUP_THROW lead to it with the finished iterator still on the stack; inlined sends return to it",
        source="Python/bytecodes.c, SEND, SEND_GEN, CLEANUP_THROW",
    ),
    Rule(
        second="SEND",
        because="it is the head of the yield-from loop: a hook would run at each resumption",
        source="Python/compile.c, compiler_add_yield_from",
    ),
    Rule(
        second="NOT_TAKEN",
        because="for sys.monitoring it stands for the jump before it, which was not taken: the hook would be reported instead",
        source="Python/bytecodes.c, INSTRUMENTED_NOT_TAKEN (3.14)",
    ),
    Rule(
        second="POP_ITER",
        because="an exhausted iterator jumps to it, over END_FOR; for sys.monitoring it stands for the way out of the loop",
        source="Python/bytecodes.c, FOR_ITER, INSTRUMENTED_POP_ITER (3.14)",
    ),
    Rule(
        second="CLEANUP_THROW",
        because="a handler without PUSH_EXC_INFO, entered by the unwinder",
        source="Python/compile.c, compiler_add_yield_from",
    ),
    Rule(
        second="END_ASYNC_FOR",
        because="a handler without PUSH_EXC_INFO, entered by the unwinder",
        source="Python/compile.c, compiler_async_for",
    ),
)

NEVER_SPLIT: Final = (
    Rule(
        first="KW_NAMES",
        because="it sets a local variable of the interpreter loop, for the next call: the hook's, if one stood there",
        source="Python/bytecodes.c, KW_NAMES",
    ),
    Rule(
        first="PRECALL",
        because="specialised forms skip the CALL that follows by its length",
        source="Python/ceval.c, SKIP_CALL (3.11)",
    ),
    Rule(
        first="SEND",
        second="YIELD_VALUE",
        because="throw() finds the SEND right before the YIELD_VALUE and takes its distance from there",
        source="Objects/genobject.c, _gen_throw (3.11)",
    ),
    Rule(
        first="RESUME",
        second="JUMP_BACKWARD_NO_INTERRUPT",
        because="the yield-from loop: a hook would run at each resumption",
        source="Python/compile.c, compiler_add_yield_from",
    ),
    Rule(
        first="END_FOR",
        second="POP_TOP",
        because="an exhausted iterator jumps over both, two units",
        source="Python/bytecodes.c, FOR_ITER (3.13)",
    ),
)

_SECONDS: Final = frozenset(rule.second for rule in NEVER_BEFORE)
_PAIRS: Final = frozenset((rule.first, rule.second) for rule in NEVER_SPLIT)


def _is_split(first: str, second: str) -> bool:
    return (first, second) in _PAIRS or (first, None) in _PAIRS


def first_index(instructions: Sequence[Instruction]) -> int:
    """The index behind RESUME 0: what stands before that makes cells and generators, the frame has not started."""
    return 1 + next(index for index, one in enumerate(instructions) if one.opcode == RESUME and one.arg & 3 == 0)


def _clean_up(instructions: Sequence[Instruction]) -> Iterator[int]:
    """Indices in handlers that the compiler made for itself: they do not begin with PUSH_EXC_INFO.

    END_ASYNC_FOR is such a handler's only instruction, what follows it is the user's.
    """
    for entry in handler_entries(instructions):
        if instructions[entry].opcode == PUSH_EXC_INFO:
            continue
        for index in range(entry, len(instructions)):
            yield index
            opcode = instructions[index].opcode
            if opcode in TERMINAL or opcode in CONDITIONAL or NAMES[opcode] == "END_ASYNC_FOR":
                break


def hook_indices(instructions: Sequence[Instruction]) -> list[int]:
    """The indices of the instructions before which a hook may stand, ascending."""
    forbidden = set(_clean_up(instructions))
    reached = depths(instructions)
    legal = []
    for index in range(first_index(instructions), len(instructions)):
        name = instructions[index].name
        if index in forbidden or reached[index] is None or name in _SECONDS:
            continue
        if not _is_split(instructions[index - 1].name, name):
            legal.append(index)
    return legal


def hook_offsets(code: CodeType) -> frozenset[int]:
    """The byte offsets of the opcodes before which a hook may stand."""
    instructions = decode(code)
    return frozenset(instructions[index].offset for index in hook_indices(instructions))
