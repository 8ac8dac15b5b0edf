"""Source lines coloured by proof: which stretch of a line is the feature's own, and how many feature tests run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import decode_source
from itertools import groupby
from types import CodeType
from typing import Final, TypeAlias

from meterize.cpython.identity import code_id, is_function, walk
from meterize.model.code import CodeId, InstructionMask
from meterize.model.page import PageLine, Span
from meterize.model.slice import FeatureSlice
from meterize.pipeline.sources import PackageCode

from .proofs import count_trails
from .stretches import Paint, paints, statements

_WHOLE: Final = 60
"""A function of at most so many lines is shown as a whole."""
_AROUND: Final = 4
_MOST: Final = 400
_LONG: Final = 1000
"""Longer lines are cut off: they are data."""

_Shade: TypeAlias = tuple[int, bool]
"""How many feature tests prove a character, and whether anybody ran it."""
_PLAIN: Final[_Shade] = (0, True)


def source_lines(code: PackageCode, file: str) -> list[str]:
    """The lines of a module, as the interpreter counts them, without their ends."""
    return list(_lines(code.source(file)))


@lru_cache(maxsize=8)
def _lines(source: bytes) -> tuple[str, ...]:
    return tuple(decode_source(source).split("\n"))


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
    feature_slice: FeatureSlice,
    ran: Mapping[CodeId, InstructionMask],
    hooks: Mapping[int, tuple[int, ...]],
    alternatives: Mapping[int, tuple[int, ...]],
) -> tuple[PageLine, ...]:
    """The lines of a function worth showing; ``hooks`` and ``alternatives`` are numbers by line."""
    codes = _family(code.codes(name.file)[name], name.file)
    painted = paints(codes, count_trails(feature_slice, codes), ran, statements(code.source(name.file)))
    text = source_lines(code, name.file)[: max(painted, default=name.first_line)]
    marked = {number for number, many in painted.items() if any(paint.proofs for paint in many)} | {*hooks, *alternatives}
    return tuple(
        _line(number, text[number - 1], painted.get(number, ()), hooks.get(number, ()), alternatives.get(number, ()))
        for number in _worth_showing(name.first_line, len(text), marked)
    )


def _line(number: int, text: str, paints: Sequence[Paint], hooks: tuple[int, ...], alternatives: tuple[int, ...]) -> PageLine:
    spans = _spans(text, paints)
    return PageLine(
        number=number,
        spans=spans,
        proofs=max((span.proofs for span in spans), default=0),
        hooks=hooks,
        alternatives=alternatives,
    )


def _family(code: CodeType, file: str) -> dict[CodeId, CodeType]:
    if not is_function(code):
        return {code_id(file, code): code}
    return {code_id(file, member): member for _, member in walk(code)}


def _spans(text: str, paints: Sequence[Paint]) -> tuple[Span, ...]:
    text, more = (text[:_LONG], " …") if len(text) > _LONG else (text, "")
    if not text.strip():
        return (Span(text=text, proofs=0),)
    indent = len(text) - len(text.lstrip())
    between = _between(paints)
    shades = [between] * len(text.encode("utf-8", "surrogatepass"))
    for paint in sorted(paints, key=lambda paint: paint.extent, reverse=True):  # the smallest stretch is painted last
        end = min(paint.end, len(shades))
        shades[paint.start : end] = [(paint.proofs, paint.ran)] * max(0, end - paint.start)
    shaded: list[tuple[str, _Shade]] = []
    at = 0
    for place, character in enumerate(text):
        shaded.append((character, shades[at] if place >= indent else _PLAIN))
        at += len(character.encode("utf-8", "surrogatepass"))
    shaded += [(character, between) for character in more]
    return tuple(
        Span(text="".join(character for character, _ in group), proofs=proofs, ran=ran)
        for (proofs, ran), group in groupby(shaded, key=lambda pair: pair[1])
    )


def _between(paints: Sequence[Paint]) -> _Shade:
    """What no instruction stands for (``if``, ``=``, a comment): the line's own word, where the rest runs no part of it."""
    if any(paint.is_shared for paint in paints):
        return _PLAIN
    return max((paint.proofs for paint in paints), default=0), any(paint.ran for paint in paints) or not paints


def _worth_showing(first: int, last: int, marked: set[int]) -> list[int]:
    """All lines of a short function; of a long one its head, and what is near to marked lines."""
    if last - first < _WHOLE:
        return list(range(first, last + 1))
    near = {first, first + 1}.union(*(range(line - _AROUND, line + _AROUND + 1) for line in marked))
    return sorted(line for line in near if first <= line <= last)[:_MOST]
