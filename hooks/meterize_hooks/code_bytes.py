"""Owns access to living bytecode: what is written by one assignment nobody runs meanwhile, since that holds the GIL."""

from __future__ import annotations

from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

START = CodeType.__basicsize__
"""Where the instructions of a code object begin (Include/cpython/code.h, co_code_adaptive)."""


def code_bytes() -> Callable[[int], Any] | None:
    """A byte of memory, by its address, as an object with a ``value``; None where the interpreter has no ``_ctypes``."""
    try:
        from _ctypes import _SimpleCData
    except ImportError:
        return None

    class Byte(_SimpleCData):  # type: ignore[type-arg] # no subscript at run time
        _type_ = "B"

    return Byte.from_address


def code_spans() -> Callable[[int], Callable[[int], Any]]:
    """For a number of bytes: so many of memory, by their address, as an object with ``raw``, their values."""
    from _ctypes import Array, _SimpleCData

    class Char(_SimpleCData):  # type: ignore[type-arg] # no subscript at run time
        _type_ = "c"

    known: dict[int, Callable[[int], Any]] = {}

    def spans(size: int) -> Callable[[int], Any]:
        if size not in known:
            known[size] = type("Span", (Array,), {"_type_": Char, "_length_": size}).from_address  # type: ignore[attr-defined]
        return known[size]

    return spans
