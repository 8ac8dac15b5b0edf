"""The names that instructions mention: globals, attributes, methods, imports."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Final

from .instructions import Instruction, decode
from .opcodes import name_index

_GLOBALS: Final = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_CALLS: Final = frozenset({"CALL", "CALL_FUNCTION_EX", "CALL_KW"})
_ATTRIBUTES: Final = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A global with what is looked up behind it (``("a", "b")`` for ``a.b``), or attributes of the function's first argument,
    ``is_own``. ``is_called``: as what is called. ``offset`` is that of the first instruction."""

    offset: int
    path: tuple[str, ...]
    is_own: bool
    is_called: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An import statement: ``module`` with a dot for each ``level``, and the names that are taken from it."""

    offset: int
    module: str
    names: tuple[str, ...]


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


def find_mentions(code: CodeType) -> Iterator[Mention]:
    """In code order."""
    instructions = _plain(code)
    calls = {_begin(one) for one in instructions if one.opname in _CALLS}
    own = code.co_varnames[0] if code.co_argcount else None
    at = 0
    while at < len(instructions):
        first = instructions[at]
        at += 1
        is_global = first.opname in _GLOBALS
        if not is_global and (own is None or not _loads(first, own)):
            continue
        path = [first.argval] if is_global else []
        while at < len(instructions) and instructions[at].opname in {"LOAD_ATTR", "LOAD_METHOD"}:
            path.append(instructions[at].argval)
            at += 1
        if path:
            yield Mention(offset=first.offset, path=tuple(path), is_own=not is_global, is_called=_begin(first) in calls)


def find_imports(code: CodeType) -> Iterator[Import]:
    """In code order. The compiler loads the level and the names right before (Python/codegen.c, codegen_from_import)."""
    instructions = _plain(code)
    for at, one in enumerate(instructions):
        if one.opname == "IMPORT_NAME":
            level, names = (before.argval for before in instructions[at - 2 : at])
            yield Import(offset=one.offset, module="." * level + one.argval, names=names or ())


def _plain(code: CodeType) -> list[dis.Instruction]:
    return [one for one in dis.get_instructions(code) if one.opname != "EXTENDED_ARG"]


def _loads(instruction: dis.Instruction, local: str) -> bool:
    """Whether it leaves the local variable on top of the stack; from 3.13 on one instruction may load two."""
    if not instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF")):
        return False
    loaded = instruction.argval
    return bool((loaded[-1] if isinstance(loaded, tuple) else loaded) == local)


def _begin(instruction: dis.Instruction) -> tuple[int | None, int | None]:
    """Line and column: a call begins where the expression begins that gives what is called."""
    positions = instruction.positions or dis.Positions()
    return positions.lineno, positions.col_offset
