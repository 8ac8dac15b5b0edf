"""The names that instructions mention: globals, attributes, methods, imports."""

from __future__ import annotations

import dis
from types import CodeType
from typing import Final

_NAMED: Final = frozenset(dis.hasname)
_GLOBALS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})


def names_by_offset(code: CodeType) -> dict[int, str]:
    """The name that the operand of each such instruction stands for, by byte offset; local variables are left out."""
    named = (one for one in dis.get_instructions(code) if one.opcode in _NAMED)
    return {one.offset: one.argval for one in named if isinstance(one.argval, str)}


def globals_and_attributes(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The names that are looked up as globals, and as attributes or methods of something."""
    found = [(one.opname, one.argval) for one in dis.get_instructions(code) if one.opcode in _NAMED]
    return (
        frozenset(name for opcode, name in found if opcode in _GLOBALS),
        frozenset(name for opcode, name in found if opcode in _ATTRIBUTES),
    )
