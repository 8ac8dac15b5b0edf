"""Which code object is which: paths, ids, digests, kinds."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import Final

from meterize.model.code import CodeId

from .opcodes import NUMBERS
from .versions import CLASSES_RECORD_FIRST_LINE

_SEPARATOR: Final = "\x1f"


def walk(module_code: CodeType) -> Iterator[tuple[tuple[int, ...], CodeType]]:
    """Every code object below and including the module's, outer before inner, each with its path of ``co_consts`` indices."""
    pending: list[tuple[tuple[int, ...], CodeType]] = [((), module_code)]
    while pending:
        path, code = pending.pop()
        yield path, code
        nested = [((*path, index), const) for index, const in enumerate(code.co_consts) if isinstance(const, CodeType)]
        pending.extend(reversed(nested))


def code_id(file: str, code: CodeType) -> CodeId:
    """The name of ``code`` in ``file`` (posix, relative to the folder that holds the package)."""
    return _name(file, code.co_qualname, code.co_firstlineno)


@lru_cache(maxsize=1 << 16)  # one object for each name: look-ups then need no comparison
def _name(file: str, qualname: str, first_line: int) -> CodeId:
    return CodeId(file=file, qualname=qualname, first_line=first_line)


def kind(code: CodeType) -> str:
    """``function``, ``generator``, ``coroutine``, ``async-generator``, ``module`` or ``class``."""
    flags = code.co_flags
    if flags & inspect.CO_ASYNC_GENERATOR:
        return "async-generator"
    if flags & inspect.CO_COROUTINE:
        return "coroutine"
    if flags & inspect.CO_GENERATOR:
        return "generator"
    if flags & inspect.CO_OPTIMIZED:
        return "function"
    return "module" if code.co_name == "<module>" else "class"


def code_digest(code: CodeType) -> str:
    """SHA-256, in hex, of what ``code`` does: bytecode, exception table, names, constants, flags, argument counts.

    Lines, columns and the file are left out, so that a function keeps its digest when others move around it.
    """
    return hashlib.sha256(_canonical(code).encode()).hexdigest()


def _canonical(code: CodeType) -> str:
    parts = [
        code.co_code.hex(),
        code.co_exceptiontable.hex(),
        ascii((code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)),
        ascii((code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)),
    ]
    line_const = _first_line_const(code)
    for index, const in enumerate(code.co_consts):
        parts.append("line" if index == line_const else _canonical_const(const))
    return _SEPARATOR.join(parts)


def _canonical_const(const: object) -> str:
    """A text for a constant that tells equal ones of unlike types apart (``1``, ``1.0``, ``True``), whatever the hash order."""
    if isinstance(const, CodeType):
        return f"code({const.co_name}{_SEPARATOR}{_canonical(const)})"
    if isinstance(const, tuple):
        return f"tuple({_SEPARATOR.join(map(_canonical_const, const))})"
    if isinstance(const, frozenset):
        return f"frozenset({_SEPARATOR.join(sorted(map(_canonical_const, const)))})"
    return f"{type(const).__name__}({const!a})"


def _first_line_const(code: CodeType) -> int | None:
    """The index of the constant that a class body stores as ``__firstlineno__``: a line, in disguise."""
    if not CLASSES_RECORD_FIRST_LINE or kind(code) != "class" or "__firstlineno__" not in code.co_names:
        return None
    load, store = NUMBERS["LOAD_CONST"], NUMBERS["STORE_NAME"]
    name = code.co_names.index("__firstlineno__")
    bytecode = code.co_code
    for at in range(2, len(bytecode), 2):
        if bytecode[at] == store and bytecode[at + 1] == name and bytecode[at - 2] == load:
            return bytecode[at - 1]
    return None
