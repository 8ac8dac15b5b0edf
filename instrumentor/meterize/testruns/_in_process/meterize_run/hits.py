"""The bytes that executed code marks, one a place, in a file mapped into memory.

A mapped page reaches the file however the process ends: exit, ``os._exit``, exec or a kill. So nothing is written at the
end; the tool reads what is left.
"""

from __future__ import annotations

import atexit
from bisect import bisect_right
from mmap import mmap
from os import O_CLOEXEC, O_CREAT, O_EXCL, O_RDWR, close, posix_fallocate
from os import open as open_file

from . import contexts, journal

_FIRST_SIZE = 1 << 16

marks: mmap | bytearray = bytearray()
"""Byte *i* is 1 once place *i* has run since the last ``take``."""

_starts: list[int] = []
_ends: list[int] = []
_seen: list[dict[bytes, int]] = []
_top = 0
_pieces = 0
_generation = 0
_kept: list[mmap | bytearray] = []


def place(size: int) -> int:
    """Make room for ``size`` places in a row; returns the first, the start of a new chunk."""
    global _top
    start = _top
    _top += size
    _starts.append(start)
    _ends.append(_top)
    _seen.append({})
    if _top > len(marks):
        _map(max(_FIRST_SIZE, 2 * _top))
    return start


def chunks() -> int:
    """How many chunks there are."""
    return len(_starts)


def _map(size: int) -> None:
    """Map a new file, and carry over what is marked. Without room for a file, memory and ``atexit`` must do."""
    global marks, _generation
    path = f"{journal.FOLDER}/{journal.name}.{_generation}.bits"
    old = marks
    new: mmap | bytearray
    try:
        descriptor = open_file(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        try:
            # A page that cannot be had when it is marked would kill the suite (SIGBUS): reserve it now.
            posix_fallocate(descriptor, 0, size)
            new = mmap(descriptor, size)
        finally:
            close(descriptor)
    except (OSError, ValueError):
        new = bytearray(size)
        atexit.register(contexts.finish)
    new[: len(old)] = old[:]
    # The old one stays: closing it would close a descriptor number that may belong to somebody else by now.
    _kept.append(old)
    marks = new
    _generation += 1


def take() -> list[tuple[int, int]]:
    """What was marked since the last time, as (chunk, piece); a piece is a set of places in a chunk, numbered when new."""
    global _pieces
    data = bytes(marks[:_top])
    at = data.find(b"\x01")
    if at < 0:
        return []
    marks[:_top] = bytes(_top)
    found = []
    while at >= 0:
        chunk = bisect_right(_starts, at) - 1
        end = _ends[chunk]
        piece = data[_starts[chunk] : end]
        number = _seen[chunk].get(piece)
        if number is None:
            number = _seen[chunk][piece] = _pieces
            _pieces += 1
            journal.add(f'{{"piece":[{chunk},"{_mask(piece):x}"]}}')
        found.append((chunk, number))
        at = data.find(b"\x01", end)
    return found


def _mask(piece: bytes) -> int:
    return int(piece[::-1].translate(_DIGITS), 2)


_DIGITS = b"01" + bytes(254)


def tables() -> str:
    """How many chunks and pieces are numbered by now: a forked child's data build on its parent's."""
    return f',"chunks":{len(_starts)},"pieces":{_pieces}'


def renew() -> list[int]:
    """In a forked child that has its journal: nothing has run yet, and the marks go into a file of its own.

    Returns the chunks that the parent had marked since its last ``take``.
    """
    global _generation
    _generation = 0
    inherited = bytes(marks[:_top])
    if inherited:
        _map(len(marks))
        marks[:_top] = bytes(_top)
    return [chunk for chunk, start in enumerate(_starts) if 1 in inherited[start : _ends[chunk]]]
