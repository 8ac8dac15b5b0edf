"""Opcodes of the running interpreter, in sets named by behaviour.

Names that this version lacks simply drop out of the sets.
"""

from __future__ import annotations

import dis
import opcode
from typing import Final

from .versions import CACHES_BY_NAME, LOAD_ATTR_CARRIES_METHOD_BIT

NAMES: Final[tuple[str, ...]] = tuple(opcode.opname[:256])

NUMBERS: Final[dict[str, int]] = {name: number for name, number in opcode.opmap.items() if number < 256}


def _named(*names: str) -> frozenset[int]:
    return frozenset(NUMBERS[name] for name in names if name in NUMBERS)


def _cache_units() -> tuple[int, ...]:
    entries = opcode._inline_cache_entries  # type: ignore[attr-defined]
    return tuple(entries.get(name, 0) for name in NAMES) if CACHES_BY_NAME else tuple(entries[:256])


CACHE_UNITS: Final = _cache_units()
"""How many CACHE units follow an opcode (Include/internal/pycore_opcode.h, _PyOpcode_Caches)."""

EXTENDED_ARG: Final = NUMBERS["EXTENDED_ARG"]
RESUME: Final = NUMBERS["RESUME"]
PUSH_EXC_INFO: Final = NUMBERS["PUSH_EXC_INFO"]
RETURN_GENERATOR: Final = NUMBERS["RETURN_GENERATOR"]

HAS_ARGUMENT: Final = frozenset(n for n in getattr(dis, "hasarg", range(dis.HAVE_ARGUMENT, 256)) if n < 256)
"""Opcodes whose operand means something; ``dis.stack_effect`` refuses one for the others."""

JUMPS: Final = frozenset(number for number in dis.hasjrel if number < 256)
"""All jumps are relative since 3.11, counted in units from the end of the jump and its caches."""

BACKWARD: Final = frozenset(number for number in JUMPS if "BACKWARD" in NAMES[number]) | _named("END_ASYNC_FOR") & JUMPS
"""END_ASYNC_FOR has an operand from 3.14 on (Lib/dis.py, _get_jump_target)."""

CONDITIONAL: Final = frozenset(
    number
    for number in JUMPS
    if "POP_JUMP" in NAMES[number] or "OR_POP" in NAMES[number] or NAMES[number] in {"FOR_ITER", "SEND"}
)

TERMINAL: Final = _named(
    "RETURN_VALUE",
    "RETURN_CONST",
    "RAISE_VARARGS",
    "RERAISE",
    "JUMP_FORWARD",
    "JUMP_BACKWARD",
    "JUMP_BACKWARD_NO_INTERRUPT",
    "INTERPRETER_EXIT",
)
"""Control never falls through these."""

LABELING: Final = _named("END_ASYNC_FOR")
"""Opcodes whose operand only names a place: control never goes there. From 3.14 on END_ASYNC_FOR names its loop's END_SEND, for
the events of ``sys.monitoring`` (Python/bytecodes.c, INSTRUMENTED_END_ASYNC_FOR)."""

MARKING: Final = _named("NOT_TAKEN")
"""They do nothing, and have the source of the jump before them, which was not taken (3.14, Python/flowgraph.c)."""

RUN_AS_ONE: Final = frozenset(
    {
        *(tuple(name.split("__")) for name in getattr(opcode, "_specialized_instructions", ()) if "__" in name),
        *(("COMPARE_OP", name) for name in NAMES if name.startswith("POP_JUMP")),
        ("BINARY_OP", "STORE_FAST"),
    }
)
"""Names of neighbours of which the first may take a form that runs the second as well, on 3.11 and 3.12: superinstructions,
COMPARE_OP_INT_JUMP and its like, BINARY_OP_INPLACE_ADD_UNICODE (Python/specialize.c)."""

SUBSCRIPT_OPERATION: Final = next((at for at, (name, _) in enumerate(opcode._nb_ops) if name == "NB_SUBSCR"), None)  # type: ignore[attr-defined]
"""BINARY_OP's operand for ``a[b]``; None where BINARY_SUBSCR does it (up to 3.13; Lib/opcode.py, _nb_ops)."""

INDEXES_CONSTS: Final = frozenset(number for number in dis.hasconst if number < 256)

_NAME_SHIFT: Final = {number: 0 for number in dis.hasname if number < 256} | {
    NUMBERS[name]: shift
    for name, shift in (("LOAD_GLOBAL", 1), ("LOAD_ATTR", int(LOAD_ATTR_CARRIES_METHOD_BIT)), ("LOAD_SUPER_ATTR", 2))
    if name in NUMBERS
}


def name_index(opcode: int, arg: int) -> int | None:
    """The index into ``co_names`` that an operand holds; None for opcodes that have none."""
    shift = _NAME_SHIFT.get(opcode)
    return None if shift is None else arg >> shift


_LOCALS: Final = frozenset(number for number in (*dis.haslocal, *dis.hasfree) if number < 256)
_PAIRS_OF_LOCALS: Final = frozenset(
    number for number in _LOCALS if NAMES[number].count("_FAST") == 2 and "AND" not in NAMES[number]
)


def local_indices(opcode: int, arg: int) -> tuple[int, ...]:
    """The indices that an operand holds into a frame's variables: locals, then cells that are no locals, then free ones."""
    if opcode in _PAIRS_OF_LOCALS:
        return arg >> 4, arg & 15
    return (arg,) if opcode in _LOCALS else ()
