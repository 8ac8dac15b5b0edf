"""The names that instructions mention: globals, attributes, methods, imports."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import Final

from .instructions import Instruction, decode
from .opcodes import name_index

_GLOBALS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})


def names_by_offset(code: CodeType) -> dict[int, str]:
    """The name that the operand of each such instruction stands for, by byte offset; local variables are left out."""
    return {one.offset: name for one, name in _named(code)}


def globals_and_attributes(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The names that are looked up as globals, and as attributes or methods of something."""
    found = [(one.name, name) for one, name in _named(code)]
    return (
        frozenset(name for opcode, name in found if opcode in _GLOBALS),
        frozenset(name for opcode, name in found if opcode in _ATTRIBUTES),
    )


def _named(code: CodeType) -> Iterator[tuple[Instruction, str]]:
    for one in decode(code):
        index = name_index(one.opcode, one.arg)
        if index is not None:
            yield one, code.co_names[index]
