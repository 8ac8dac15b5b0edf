"""Owns the name of a process for life: a UUIDv7 (RFC 9562), new at start and in every forked child, never the pid."""

from .system import System


def new_incarnation() -> str:
    """A UUIDv7; ``uuid.uuid7`` exists from 3.14 on only, and the module ``uuid`` is no light import."""
    milliseconds = int(System.time() * 1000) & 0xFFFF_FFFF_FFFF
    random = int.from_bytes(System.urandom(10), "big")
    number = milliseconds << 80 | 0x7 << 76 | (random >> 64 & 0xFFF) << 64 | 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
