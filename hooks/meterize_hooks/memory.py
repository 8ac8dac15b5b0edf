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

    ``map_over`` is the C library's ``mmap``, called with the GIL held. Raises ImportError where the interpreter has no
    ``_ctypes``, MemoryError where there is no room for it.
    """

    def __init__(self, size: int) -> None:
        self.map_over, byte = _mmap()
        self.size = size
        address = self.map_over(None, size, READ_WRITE, ANONYMOUS, -1, 0)
        if address is None or address == (1 << 8 * _pointer_bytes()) - 1:
            raise MemoryError
        self.address: int = address
        self.words = memoryview((byte * size).from_address(address)).cast("B").cast("Q")

    def clear(self) -> None:
        """Fresh zeros everywhere, and no file any more; whoever holds a part of ``words`` now counts there."""
        if self.map_over(self.address, self.size, READ_WRITE, ANONYMOUS | FIXED, -1, 0) != self.address:
            raise MemoryError


def _mmap() -> tuple[Callable[..., Any], Any]:
    """``mmap``, and the type of a byte. ``_ctypes`` alone: the module ``ctypes`` is no light import."""
    if sys.platform != "linux":
        raise ImportError
    from _ctypes import FUNCFLAG_CDECL, FUNCFLAG_PYTHONAPI, CFuncPtr, _SimpleCData, dlopen, dlsym

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
    return call, Byte


def _pointer_bytes() -> int:
    return (sys.maxsize.bit_length() + 1) // 8
