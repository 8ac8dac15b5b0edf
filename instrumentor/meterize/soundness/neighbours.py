"""What must stand together, in any code."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from meterize.cpython.opcodes import NAMES

from .reading import Reading


def check_neighbours(reading: Reading) -> None:
    """Raise Unsound where the interpreter takes two instructions for one, or jumps past what it expects, and finds another."""
    instructions = reading.instructions
    for one, following in pairwise(instructions):
        expected = _FOLLOWED_BY.get(one.opcode)
        if expected is not None and following.name not in expected:
            raise one.wrong(f"{following.name} follows instead of {' or '.join(expected)}")
        expected = _LEADS_TO.get(one.opcode)
        if expected is not None and one.target is not None and instructions[one.target].name not in expected:
            raise one.wrong(f"it leads to {instructions[one.target].name} instead of {' or '.join(expected)}")


def _numbered(rules: dict[str, tuple[str, ...]]) -> dict[int, tuple[str, ...]]:
    """By opcode, where this interpreter has all of a rule's."""
    known = {name: number for number, name in enumerate(NAMES)}
    return {known[name]: expected for name, expected in rules.items() if name in known and known.keys() & {*expected}}


_FOLLOWED_BY: Final = _numbered(
    {
        "KW_NAMES": ("PRECALL", "CALL"),  # a local variable of the interpreter loop (Python/bytecodes.c, 3.12)
        "PRECALL": ("CALL",),  # specialised forms skip it (Python/ceval.c, SKIP_CALL, 3.11)
        "SEND": ("YIELD_VALUE",),  # throw() takes the distance from there (Objects/genobject.c, _gen_throw)
        "RETURN_GENERATOR": ("POP_TOP",),  # what the first send() brings (Python/compile.c)
        "YIELD_VALUE": ("RESUME",),  # throw() looks for it there (Objects/genobject.c, _PyGen_yf)
    }
)
_LEADS_TO: Final = _numbered(
    {
        "FOR_ITER": ("END_FOR",),  # it jumps one or two units farther (Python/bytecodes.c)
        "SEND": ("END_SEND",),  # inlined, it returns to the instruction behind (Python/bytecodes.c, SEND_GEN)
    }
)
