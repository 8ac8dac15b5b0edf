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
_LOAD_CONST, _STORE_NAME = NUMBERS["LOAD_CONST"], NUMBERS["STORE_NAME"]
_LOAD_SMALL_INT: Final = NUMBERS.get("LOAD_SMALL_INT")


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
    """``function``, ``generator``, ``coroutine``, ``async-generator``, ``annotation``, ``module`` or ``class``."""
    flags = code.co_flags
    if _is_annotation(code):
        return "annotation"
    if flags & inspect.CO_ASYNC_GENERATOR:
        return "async-generator"
    if flags & inspect.CO_COROUTINE:
        return "coroutine"
    if flags & inspect.CO_GENERATOR:
        return "generator"
    if flags & inspect.CO_OPTIMIZED:
        return "function"
    return "module" if code.co_name == "<module>" else "class"


def is_function(code: CodeType) -> bool:
    """Whether calls run it: not the body of a module or a class, nor an annotation."""
    return kind(code) not in {"module", "class", "annotation"}


def _is_annotation(code: CodeType) -> bool:
    """Whether ``annotationlib`` may run it with globals that invent every name (PEP 749, 3.14), also a hook's.

    These are the functions of annotations, and of type aliases and the bounds and defaults of type parameters, known by the
    parameter that the compiler gives them (Python/codegen.c, codegen_setup_annotations_scope; codegen_leave_annotations_scope
    gives the former a name that people can read).
    """
    if code.co_posonlyargcount != 1:
        return False
    first = code.co_varnames[0]
    return first == ".format" or (first == "format" and code.co_name == "__annotate__")


def code_digest(code: CodeType) -> str:
    """SHA-256, in hex, of what ``code`` does: bytecode, exception table, names, constants, flags, argument counts.

    Lines, columns and the file are left out, so that a function keeps its digest when others move around it.
    """
    return hashlib.sha256(_canonical(code).encode()).hexdigest()


def _canonical(code: CodeType) -> str:
    bytecode, consts = _without_first_line(code)
    parts = [
        bytecode.hex(),
        code.co_exceptiontable.hex(),
        ascii((code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)),
        ascii((code.co_flags, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)),
    ]
    return _SEPARATOR.join([*parts, *consts])


def _canonical_const(const: object) -> str:
    """A text for a constant that tells equal ones of unlike types apart (``1``, ``1.0``, ``True``), whatever the hash order."""
    if isinstance(const, CodeType):
        return f"code({const.co_name}{_SEPARATOR}{_canonical(const)})"
    if isinstance(const, tuple):
        return f"tuple({_SEPARATOR.join(map(_canonical_const, const))})"
    if isinstance(const, frozenset):
        return f"frozenset({_SEPARATOR.join(sorted(map(_canonical_const, const)))})"
    return f"{type(const).__name__}({const!a})"


def _without_first_line(code: CodeType) -> tuple[bytes, list[str]]:
    """Bytecode and constants, without what a class body stores as ``__firstlineno__``: a line, in disguise."""
    consts = [_canonical_const(const) for const in code.co_consts]
    at = _first_line_load(code)
    if at is None:
        return code.co_code, consts
    bytecode = bytearray(code.co_code)
    index = bytecode[at + 1]
    if _LOAD_SMALL_INT is None:
        consts[index] = "line"
        return code.co_code, consts
    if bytecode[at] == _LOAD_CONST:  # from line 256 on; before that the line is no constant, and others stand one lower
        del consts[index]
        for other in range(0, len(bytecode), 2):
            if bytecode[other] == _LOAD_CONST and bytecode[other + 1] > index:
                bytecode[other + 1] -= 1
    bytecode[at : at + 2] = bytes((_LOAD_CONST, 0))
    return bytes(bytecode), consts


def _first_line_load(code: CodeType) -> int | None:
    """The offset of the instruction that loads the line."""
    if not CLASSES_RECORD_FIRST_LINE or kind(code) != "class" or "__firstlineno__" not in code.co_names:
        return None
    name = code.co_names.index("__firstlineno__")
    bytecode = code.co_code
    for at in range(2, len(bytecode), 2):
        if bytecode[at] == _STORE_NAME and bytecode[at + 1] == name and bytecode[at - 2] in {_LOAD_CONST, _LOAD_SMALL_INT}:
            return at - 2
    return None
