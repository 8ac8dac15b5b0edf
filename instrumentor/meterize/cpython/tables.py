"""The two tables beside the bytecode: exceptions and positions, decoded and encoded.

Formats: Objects/exception_handling_notes.txt and Objects/locations.md in CPython (InternalDocs/ from 3.13 on).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from types import CodeType
from typing import Final, NamedTuple, TypeAlias

Position: TypeAlias = tuple[int | None, int | None, int | None, int | None]
"""Line, end line, column, end column (PEP 657)."""

NO_POSITION: Final[Position] = (None, None, None, None)


class Protection(NamedTuple):
    """One entry of the exception table; ``start``, ``end`` and ``target`` are byte offsets."""

    start: int
    end: int
    target: int
    depth: int
    lasti: bool


class Run(NamedTuple):
    """So many code units that share a position, kept apart from their neighbours as the compiler kept them."""

    units: int
    position: Position


_SHORT, _ONE_LINE, _NO_COLUMNS, _LONG, _NONE = 0, 10, 13, 14, 15
_MAX_RUN: Final = 8


def _read_big_endian(source: Iterator[int]) -> int:
    byte = next(source)
    value = byte & 63
    while byte & 64:
        byte = next(source)
        value = value << 6 | byte & 63
    return value


def _write_big_endian(value: int, first: int = 0) -> bytes:
    digits = [value & 63]
    while value := value >> 6:
        digits.append(value & 63 | 64)
    digits.reverse()
    digits[0] |= first
    return bytes(digits)


def decode_exceptions(code: CodeType) -> Iterator[Protection]:
    """The entries of ``co_exceptiontable`` in order."""
    source = iter(code.co_exceptiontable)
    for byte in source:
        start = 2 * _read_big_endian(chain((byte,), source))
        length = 2 * _read_big_endian(source)
        target = 2 * _read_big_endian(source)
        depth = _read_big_endian(source)
        yield Protection(start, start + length, target, depth >> 1, bool(depth & 1))


def encode_exceptions(entries: Iterable[Protection]) -> bytes:
    """The bytes of ``co_exceptiontable``; the high bit marks an entry's first byte, so that lookups can bisect."""
    table = bytearray()
    for entry in entries:
        table += _write_big_endian(entry.start // 2, 128)
        table += _write_big_endian((entry.end - entry.start) // 2)
        table += _write_big_endian(entry.target // 2)
        table += _write_big_endian(entry.depth << 1 | entry.lasti)
    return bytes(table)


def _read_unsigned(source: Iterator[int]) -> int:
    value = shift = 0
    while True:
        byte = next(source)
        value |= (byte & 63) << shift
        if not byte & 64:
            return value
        shift += 6


def _read_signed(source: Iterator[int]) -> int:
    value = _read_unsigned(source)
    return -(value >> 1) if value & 1 else value >> 1


def _write_unsigned(value: int) -> bytes:
    digits = bytearray()
    while value >= 64:
        digits.append(value & 63 | 64)
        value >>= 6
    digits.append(value)
    return bytes(digits)


def _write_signed(value: int) -> bytes:
    return _write_unsigned(-value << 1 | 1 if value < 0 else value << 1)


def _read_position(form: int, line: int, source: Iterator[int]) -> tuple[int, Position]:
    """The line that the next entry counts from, and the position."""
    if form == _NONE:
        return line, NO_POSITION
    if form == _LONG:
        line += _read_signed(source)
        end_line = line + _read_unsigned(source)
        column, end_column = _read_unsigned(source), _read_unsigned(source)
        return line, (line, end_line, column - 1 if column else None, end_column - 1 if end_column else None)
    if form == _NO_COLUMNS:
        line += _read_signed(source)
        return line, (line, line, None, None)
    if form >= _ONE_LINE:
        line += form - _ONE_LINE
        return line, (line, line, next(source), next(source))
    byte = next(source)
    column = form * 8 + (byte >> 4)
    return line, (line, line, column, column + (byte & 15))


def decode_positions(code: CodeType) -> Iterator[Run]:
    """The runs of ``co_linetable`` in order.

    An entry holds eight units at most, so a full entry is joined with the one that follows at the same position: an
    instruction may straddle both.
    """
    source = iter(code.co_linetable)
    line = code.co_firstlineno
    pending: Run | None = None
    for byte in source:
        line, position = _read_position(byte >> 3 & 15, line, source)
        units = (byte & 7) + 1
        if pending and pending.position == position and pending.units % _MAX_RUN == 0:
            pending = Run(pending.units + units, position)
            continue
        if pending:
            yield pending
        pending = Run(units, position)
    if pending:
        yield pending


def _write_position(position: Position, line: int, length: int) -> bytes:
    """One entry, in the form that the compiler would choose (Python/assemble.c, write_location_info_entry)."""
    start, end, column, end_column = position
    if start is None:
        return bytes((128 | _NONE << 3 | length,))
    end = start if end is None else end
    delta = start - line
    if column is None or end_column is None:
        if end == start:
            return bytes((128 | _NO_COLUMNS << 3 | length,)) + _write_signed(delta)
        return bytes((128 | _LONG << 3 | length,)) + _write_signed(delta) + _write_unsigned(end - start) + b"\0\0"
    if end == start and delta == 0 and column < 80 and 0 <= end_column - column < 16:
        return bytes((128 | (_SHORT + (column >> 3)) << 3 | length, (column & 7) << 4 | end_column - column))
    if end == start and 0 <= delta < 3 and column < 128 and end_column < 128:
        return bytes((128 | (_ONE_LINE + delta) << 3 | length, column, end_column))
    return (
        bytes((128 | _LONG << 3 | length,))
        + _write_signed(delta)
        + _write_unsigned(end - start)
        + _write_unsigned(column + 1)
        + _write_unsigned(end_column + 1)
    )


def encode_positions(runs: Iterable[Run], first_line: int) -> bytes:
    """The bytes of ``co_linetable``."""
    table = bytearray()
    line = first_line
    for units, position in runs:
        for done in range(0, units, _MAX_RUN):
            table += _write_position(position, line, min(units - done, _MAX_RUN) - 1)
            line = line if position[0] is None else position[0]
    return bytes(table)
