"""Names a code object of a package, and sets of its instructions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

InstructionMask: TypeAlias = int
"""A set of instructions of one code object: bit *i* stands for the instruction whose opcode lies at byte offset *2·i*
(behind any EXTENDED_ARG) in the original, unhooked code.

A mask per test and code object keeps the record of thousands of tests in megabytes and makes the slice plain set algebra.
"""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CodeId:
    """One code object. ``file`` is posix, relative to the folder that holds the package; ``first_line`` is ``co_firstlineno``
    and tells same-named functions (a property's getter and setter) apart."""

    file: str
    qualname: str
    first_line: int


def mask_of(offsets: Iterable[int]) -> InstructionMask:
    """The set of the instructions at these byte offsets."""
    mask = 0
    for offset in offsets:
        mask |= 1 << (offset >> 1)
    return mask


def offsets_of(mask: InstructionMask) -> Iterator[int]:
    """The byte offsets in the set, ascending."""
    while mask:
        low = mask & -mask
        yield (low.bit_length() - 1) << 1
        mask ^= low
