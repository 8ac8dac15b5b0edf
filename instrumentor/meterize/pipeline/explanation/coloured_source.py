"""Source lines coloured by proof: which stretch of a line is the feature's own, and how many feature tests run it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import decode_source
from itertools import groupby
from types import CodeType
from typing import Final, TypeAlias

from meterize.cpython.identity import code_id, is_function, walk
from meterize.cpython.instructions import decode
from meterize.cpython.opcodes import MARKING
from meterize.model.code import CodeId, InstructionMask
from meterize.model.page import PageLine, Span
from meterize.pipeline.sources import PackageCode

_WHOLE: Final = 60
"""A function of at most so many lines is shown as a whole."""
_AROUND: Final = 4
_MOST: Final = 400
_LONG: Final = 1000
"""Longer lines are cut off: they are data."""

_Extent: TypeAlias = tuple[int, int]
"""How large a stretch of source is: lines, columns. The smallest around a character says what it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paint:
    """A stretch of one line, in UTF-8 bytes, that an instruction stands for; ``proofs`` where it is the feature's own."""

    start: int
    end: int
    extent: _Extent
    proofs: int
    ran: bool


def source_lines(code: PackageCode, file: str) -> list[str]:
    """The lines of a module, as the interpreter counts them, without their ends."""
    return list(_lines(code.source(file)))


@lru_cache(maxsize=8)
def _lines(source: bytes) -> tuple[str, ...]:
    return tuple(decode_source(source).split("\n"))


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


def roots(file: str, module: CodeType) -> dict[CodeId, CodeId]:
    """For each code object of a module the outermost function around it (itself for what is in none)."""
    found: dict[CodeId, CodeId] = {}
    by_path: dict[tuple[int, ...], CodeId | None] = {}
    for path, code in walk(module):
        name = code_id(file, code)
        around = by_path.get(path[:-1]) if path else None
        by_path[path] = around or (name if is_function(code) else None)
        found[name] = by_path[path] or name
    return found


def colour(
    code: PackageCode,
    name: CodeId,
    proofs: Mapping[CodeId, Mapping[int, int]],
    ran: Mapping[CodeId, InstructionMask],
    hooks: Mapping[int, tuple[int, ...]],
    alternatives: Mapping[int, tuple[int, ...]],
) -> tuple[PageLine, ...]:
    """The lines of a function worth showing; ``hooks`` and ``alternatives`` are numbers by line."""
    codes = _family(code.codes(name.file)[name], name.file)
    where = statements(code.source(name.file))
    painted: dict[int, list[Paint]] = {}
    for member, code_object in codes.items():
        for number, paint in _paints(code_object, proofs.get(member, {}), ran.get(member, 0), where):
            painted.setdefault(number, []).append(paint)
    last = max(painted, default=name.first_line)
    text = source_lines(code, name.file)[:last]
    marked = {number for number, paints in painted.items() if any(paint.proofs for paint in paints)} | {*hooks, *alternatives}
    return tuple(
        PageLine(
            number=number,
            spans=_spans(text[number - 1], painted.get(number, [])),
            proofs=max((paint.proofs for paint in painted.get(number, [])), default=0),
            ran=number not in painted or any(paint.ran for paint in painted[number]),
            hooks=hooks.get(number, ()),
            alternatives=alternatives.get(number, ()),
        )
        for number in _worth_showing(name.first_line, len(text), marked)
    )


def _family(code: CodeType, file: str) -> dict[CodeId, CodeType]:
    if not is_function(code):
        return {code_id(file, code): code}
    return {code_id(file, member): member for _, member in walk(code)}


def _paints(code: CodeType, proofs: Mapping[int, int], ran: InstructionMask, where: Statements) -> Iterator[tuple[int, Paint]]:
    """What each instruction stands for, line by line."""
    for one in decode(code):
        first, last, left, right = one.position
        if first is None or one.opcode in MARKING:
            continue
        last = first if last is None else last
        is_exact = left is not None and right is not None and (first, left) < (last, right)
        if not is_exact and first == code.co_firstlineno:
            first = last = where.definitions.get(first, first)
        columns = (right or 0) - (left or 0) if is_exact else 1 << 30
        for number in range(first, last + 1):
            if where.begin.get(number) != where.begin.get(first):
                break  # the end of a loop stands for the whole of it: its body has instructions of its own
            yield (
                number,
                Paint(
                    start=(left or 0) if is_exact and number == first else 0,
                    end=(right or 0) if is_exact and number == last else 1 << 30,
                    extent=(last - first, columns),
                    proofs=proofs.get(one.offset, 0),
                    ran=bool(ran >> (one.offset >> 1) & 1),
                ),
            )


def _spans(text: str, paints: list[Paint]) -> tuple[Span, ...]:
    text, more = (text[:_LONG], " …") if len(text) > _LONG else (text, "")
    if not text.strip():
        return (Span(text=text, proofs=0),)
    indent = len(text) - len(text.lstrip())
    kinds = {paint.proofs for paint in paints}
    if len(kinds) == 1:
        return tuple(
            span
            for span in (Span(text=text[:indent], proofs=0), Span(text=text[indent:] + more, proofs=kinds.pop()))
            if span.text
        )
    # The smallest stretch is painted last. Of equal ones (the compiler copies a return into both arms) what the rest runs too.
    shades = [0] * len(text.encode("utf-8", "surrogatepass"))
    for paint in sorted(paints, key=lambda paint: (paint.extent, not paint.ran, paint.proofs), reverse=True):
        end = min(paint.end, len(shades))
        shades[paint.start : end] = [paint.proofs] * max(0, end - paint.start)
    shaded: list[tuple[str, int]] = []
    at = 0
    for place, character in enumerate(text):
        shaded.append((character, shades[at] if place >= indent else 0))
        at += len(character.encode("utf-8", "surrogatepass"))
    shaded += [(character, 0) for character in more]
    return tuple(
        Span(text="".join(character for character, _ in group), proofs=shade)
        for shade, group in groupby(shaded, key=lambda pair: pair[1])
    )


def _worth_showing(first: int, last: int, marked: set[int]) -> list[int]:
    """All lines of a short function; of a long one its head, and what is near to marked lines."""
    if last - first < _WHOLE:
        return list(range(first, last + 1))
    near = {first, first + 1}.union(*(range(line - _AROUND, line + _AROUND + 1) for line in marked))
    return sorted(line for line in near if first <= line <= last)[:_MOST]
