"""Owns the memory that hooks count into, and laying parts of a file over it without moving it."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

READ_WRITE = 1 | 2
SHARED = 0x01
ANONYMOUS = 0x02 | 0x20 | 0x4000
"""MAP_PRIVATE, MAP_ANONYMOUS, MAP_NORESERVE: as Linux has them (asm-generic/mman-common.h)."""
FIXED = 0x10


class Memory:
    """Zeroed memory at an address for life. ``words`` is all of it, as unsigned numbers of 64 bits.

    ``map_over`` is the C library's ``mmap``, called with the GIL held; where there is no memory for its arguments it raises one
    of ``no_memory``. Raises ImportError where the interpreter has no ``_ctypes``, MemoryError where there is no room for it.
    """

    def __init__(self, size: int) -> None:
        self.map_over, byte, self.no_memory = _mmap()
        self.size = size
        address = self._map(None, ANONYMOUS)
        if address is None or address == (1 << 8 * _pointer_bytes()) - 1:
            raise MemoryError
        self.address: int = address
        self.words = memoryview((byte * size).from_address(address)).cast("B").cast("Q")

    def clear(self) -> None:
        """Fresh zeros everywhere, and no file any more; whoever holds a part of ``words`` now counts there."""
        if self._map(self.address, ANONYMOUS | FIXED) != self.address:
            raise MemoryError

    def _map(self, address: int | None, flags: int) -> Any:
        """Tried again where memory ends just there: a forked child that gave up would count for its parent."""
        for _ in range(100):
            try:
                return self.map_over(address, self.size, READ_WRITE, flags, -1, 0)
            except self.no_memory:
                pass
        raise MemoryError


def _mmap() -> tuple[Callable[..., Any], Any, tuple[type[Exception], ...]]:
    """``mmap``, the type of a byte, what a call raises where memory ends. ``_ctypes`` alone: ``ctypes`` is no light import."""
    if sys.platform != "linux":
        raise ImportError
    from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_PYTHONAPI, ArgumentError, CFuncPtr, _SimpleCData, dlopen, dlsym

    class Pointer(_SimpleCData):  # type: ignore[type-arg] # no subscript at run time
        _type_ = "P"

    class Size(_SimpleCData):  # type: ignore[type-arg]
        _type_ = "L"

    class Number(_SimpleCData):  # type: ignore[type-arg]
        _type_ = "i"

    class Offset(_SimpleCData):  # type: ignore[type-arg]
        _type_ = "l"

    class Byte(_SimpleCData):  # type: ignore[type-arg]
        _type_ = "B"

    class Call(CFuncPtr):
        _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI
        _restype_ = Pointer

    everything = dlopen(None, 0)  # type: ignore[arg-type] # None is the program itself, with the C library
    call = Call(dlsym(everything, "mmap"))
    call.argtypes = (Pointer, Size, Number, Number, Number, Offset)
    return call, Byte, (MemoryError, ArgumentError)


def _pointer_bytes() -> int:
    return (sys.maxsize.bit_length() + 1) // 8
