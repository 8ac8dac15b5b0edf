"""Stretches of source that instructions stand for, and how many feature tests prove each to be the feature's own."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Final, TypeAlias

from meterize.cpython.instructions import Instruction, decode
from meterize.cpython.opcodes import MARKING
from meterize.model.code import CodeId, InstructionMask

from .proofs import Trails

_END: Final = 1 << 30
"""The column behind every line's last."""

_Place: TypeAlias = tuple[int, int, int, int]
"""First and last line, left and right column in UTF-8 bytes."""
_Extent: TypeAlias = tuple[int, int]
"""How large a stretch of source is: lines, columns. The smallest around a character says what it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """A stretch of one line, in UTF-8 bytes, that instructions stand for. ``proofs`` counts the feature tests that run any of
    them, where all of them that ran are the feature's own (else 0)."""

    start: int
    end: int
    extent: _Extent
    proofs: int
    ran: bool

    @property
    def is_shared(self) -> bool:
        """Whether the rest runs it too."""
        return self.ran and not self.proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """Where statements are: the first line of the one that each line is part of (of a compound one: of its head), and the
    line of each ``def`` by the first line of its decorators."""

    begin: Mapping[int, int]
    definitions: Mapping[int, int]


@lru_cache(maxsize=8)
def statements(source: bytes) -> Statements:
    """The statements of a module that compiles. Functions of one module follow each other: it is read once."""
    begin: dict[int, int] = {}
    definitions: dict[int, int] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            definitions[min([node.lineno, *(each.lineno for each in node.decorator_list)])] = node.lineno
        if not isinstance(node, ast.stmt | ast.ExceptHandler):
            continue
        begin |= dict.fromkeys(range(node.lineno, _head_end(node) + 1), node.lineno)
    return Statements(begin=begin, definitions=definitions)


def _head_end(node: ast.stmt | ast.ExceptHandler) -> int:
    """The last line of a statement, without the statements inside it."""
    if not hasattr(node, "body") and not hasattr(node, "cases"):
        return node.end_lineno or node.lineno
    parts = [each for each in ast.iter_child_nodes(node) if not isinstance(each, ast.stmt | ast.ExceptHandler | ast.match_case)]
    return max([node.lineno, *(getattr(each, "end_lineno", 0) for part in parts for each in ast.walk(part))])


def paints(
    codes: Mapping[CodeId, CodeType], trails: Trails, ran: Mapping[CodeId, InstructionMask], where: Statements
) -> dict[int, list[Paint]]:
    """What the instructions of these code objects stand for, by line."""
    own = _own(trails)
    painted: dict[int, list[Paint]] = defaultdict(list)
    for place, masks in _places(codes, where).items():
        first, last, left, right = place
        proofs = _proofs(masks, trails, own, ran)
        for number in range(first, last + 1):
            if where.begin.get(number) != where.begin.get(first):
                break  # the end of a loop stands for the whole of it: its body has instructions of its own
            painted[number].append(
                Paint(
                    start=left if number == first else 0,
                    end=right if number == last else _END,
                    extent=(last - first, right - left),
                    proofs=proofs,
                    ran=any(mask & ran.get(code, 0) for code, mask in masks.items()),
                )
            )
    return painted


def _places(codes: Mapping[CodeId, CodeType], where: Statements) -> dict[_Place, Counter[CodeId]]:
    """The instructions of each place, as masks. Of one place there may be several: the compiler copies the code behind an
    ``if`` into both arms, and what a ``finally`` does (Python/flowgraph.c, Python/compile.c)."""
    found: dict[_Place, Counter[CodeId]] = defaultdict(Counter)
    for name, code in codes.items():
        for one in decode(code):
            if one.opcode not in MARKING and (place := _place(one, code, where)) is not None:
                found[place][name] |= 1 << (one.offset >> 1)
    return found


def _place(one: Instruction, code: CodeType, where: Statements) -> _Place | None:
    first, last, left, right = one.position
    if first is None:
        return None
    last = first if last is None else last
    if left is not None and right is not None and (first, left) < (last, right):
        return first, last, left, right
    if first == code.co_firstlineno:
        first = last = where.definitions.get(first, first)
    return first, last, 0, _END


def _own(trails: Trails) -> dict[CodeId, InstructionMask]:
    own: dict[CodeId, InstructionMask] = defaultdict(int)
    for trail in trails:
        for code, mask in trail:
            own[code] |= mask
    return own


def _proofs(
    masks: Mapping[CodeId, InstructionMask],
    trails: Trails,
    own: Mapping[CodeId, InstructionMask],
    ran: Mapping[CodeId, InstructionMask],
) -> int:
    """How many feature tests run any of these instructions; 0 if the rest runs one of them, too."""
    if any(mask & ran.get(code, 0) & ~own.get(code, 0) for code, mask in masks.items()):
        return 0
    return sum(tests for trail, tests in trails.items() if any(mask & masks.get(code, 0) for code, mask in trail))
