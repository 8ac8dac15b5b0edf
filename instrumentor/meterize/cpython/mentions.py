"""The names that instructions mention: globals, attributes, methods, imports."""

from __future__ import annotations

import dis
from types import CodeType


def names_by_offset(code: CodeType) -> dict[int, str]:
    """The name that the operand of each such instruction stands for, by byte offset; local variables are not among them."""
    named = frozenset(dis.hasname)
    return {one.offset: one.argval for one in dis.get_instructions(code) if one.opcode in named and isinstance(one.argval, str)}
