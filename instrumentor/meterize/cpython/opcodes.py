"""Opcodes of the running interpreter, in sets named by behaviour.

Names that this version lacks simply drop out of the sets.
"""

from __future__ import annotations

import dis
import opcode
from typing import Final

from .versions import CACHES_BY_NAME

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

BACKWARD: Final = frozenset(number for number in JUMPS if "BACKWARD" in NAMES[number])

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
