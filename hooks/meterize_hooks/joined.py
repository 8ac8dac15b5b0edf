"""Owns the joined instructions of CPython 3.12: those that a code object has before it is watched, for when it is no longer.

3.12 joins some pairs of instructions when it makes a code object (Python/specialize.c, _PyCode_Quicken), takes them apart as
soon as a tool watches that object (Python/instrumentation.c, _Py_Instrument), and never joins them again. What compares, hashes
or shows code sees them apart (_Py_GetBaseOpcode). 3.13 joins in the compiler, for good.
"""

from __future__ import annotations

import sys

from .code_bytes import START, code_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, TypeAlias

    Pair: TypeAlias = "tuple[int, int, int, tuple[int, int]]"
    """An opcode's address, what it is apart, what joined; what the next opcode is if nobody watches. Numbers alone: what the
    garbage collector has to look at costs the application."""

JOINS = sys.version_info[:2] == (3, 12)
LOAD_CONST, LOAD_FAST, STORE_FAST = 100, 124, 125
"""What begins a pair. These have no other forms."""
FIRST_INSTRUMENTED = 237
"""From here on opcodes tell that somebody watches (Include/opcode.h, MIN_INSTRUMENTED_OPCODE)."""


byte_at: Callable[[int], Any] | None = code_bytes() if JOINS else None


def joined_pairs(code: CodeType) -> tuple[Pair, ...]:
    """The pairs that are joined at this moment. Their addresses are good as long as the code object lives."""
    if byte_at is None:
        return ()
    apart, now, start = code.co_code, code._co_code_adaptive, id(code) + START  # type: ignore[attr-defined]
    pairs = []
    for at in range(0, len(apart) - 2, 2):
        first, following = now[at], now[at + 2]
        is_joined = apart[at] in (LOAD_CONST, LOAD_FAST, STORE_FAST) and first != apart[at]
        if is_joined and first < FIRST_INSTRUMENTED and following < FIRST_INSTRUMENTED:
            pairs.append((start + at, apart[at], first, (apart[at + 2], following)))
    return tuple(pairs)
