"""Owns access to living bytecode, a byte at a time: with the GIL held, nobody runs it while an opcode is written."""

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
