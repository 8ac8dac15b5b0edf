"""Names a code object of a package, and sets of its instructions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

InstructionMask: TypeAlias = int
"""A set of instructions of one code object: bit *i* stands for the instruction whose opcode lies at byte offset *2·i*
(behind any EXTENDED_ARG) in the original, unhooked code.

A mask per test and code object keeps the record of thousands of tests in megabytes and makes the slice plain set algebra.
"""


_CONSTRUCTORS: Final = frozenset({"__init__", "__new__", "__post_init__"})

_FOR_TESTS: Final = re.compile(
    r"_?(tests?|testing|test_?(client|case|cases|helpers?|support|tools|utils?)|conftest|pytest_?plugin)"
)

PRIVATE: Final = 2
"""The obscurity from which on no user of a package would name a function."""

NAMELESS: Final = 4
"""The obscurity of a lambda, a comprehension, a generator expression."""


class _Hashed:
    """Room for a hash that is computed once: code objects are looked up by name millions of times in a large run."""

    __slots__ = ("_hash",)
    _hash: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CodeId(_Hashed):
    """One code object. ``file`` is posix, relative to the folder that holds the package; ``first_line`` is ``co_firstlineno``
    and tells same-named functions (a property's getter and setter) apart."""

    file: str
    qualname: str
    first_line: int

    def __hash__(self) -> int:
        try:
            return self._hash
        except AttributeError:
            object.__setattr__(self, "_hash", hash((self.file, self.qualname, self.first_line)))
            return self._hash

    @property
    def module(self) -> str:
        """The dotted name of its module."""
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def obscurity(self) -> int:
        """How far it is from what a user of the package would name: 0 public (``__call__`` and other operators too), 1 a
        constructor, 2 private, 3 nested, 4 without a name."""
        return _obscurity(self.qualname)

    @property
    def supports_tests(self) -> bool:
        """Whether it is in a module that packages ship for the tests of others, as ``flask.testing`` and ``werkzeug.test``:
        production never runs that."""
        return any(_FOR_TESTS.fullmatch(part) for part in self.file.removesuffix(".py").split("/")[1:])


@cache
def _obscurity(qualname: str) -> int:
    *outer, name = qualname.split(".")
    if name.startswith("<"):
        return NAMELESS
    if "<locals>" in outer:
        return 3
    if any(part.startswith("_") and not _is_special(part) for part in (*outer, name)):
        return PRIVATE
    return int(name in _CONSTRUCTORS)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


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
