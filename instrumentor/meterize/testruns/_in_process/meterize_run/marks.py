"""The bytes that executed code sets to 1, in files mapped into memory.

A mapped page reaches its file however the process ends: exit, ``os._exit``, exec or a kill. So nothing has to be written at
the end; the tool reads what is left.
"""

from __future__ import annotations

import atexit
from _bisect import bisect_right
from mmap import mmap
from os import O_CLOEXEC, O_CREAT, O_EXCL, O_RDWR, close, fstatvfs, ftruncate, unlink
from os import open as open_file

from .contexts import Contexts

_FIRST_SIZE = 1 << 16
_ROOM = 1 << 26
"""A page that the disk has no room for kills the process that sets a byte of it (SIGBUS): map only if so much is free."""
_DIGITS = b"01" + bytes(254)


class _Segment:
    """One mapped file and the chunks in it."""

    def __init__(self, size: int, first_chunk: int) -> None:
        self.size = size
        self.first_chunk = first_chunk
        self.used = 0
        self.starts: list[int] = []
        self.store: mmap | bytearray = bytearray()
        self.view = memoryview(b"")

    def row(self, index: int) -> memoryview:
        end = self.starts[index + 1] if index + 1 < len(self.starts) else self.used
        return self.view[self.starts[index] : end]


class Marks:
    """Rows of bytes, one for each chunk of code, in segments that are never moved: a row stays where it is."""

    def __init__(self, contexts: Contexts, stride: int) -> None:
        """Only every ``stride``-th byte of a chunk is ever set."""
        self._contexts = contexts
        self._stride = stride
        self._journal = contexts.journal
        self._segments: list[_Segment] = []
        self._seen: list[dict[bytes, int]] = []
        self._pieces = 0
        self._kept: list[mmap] = []

    def add_row(self, length: int, chunk: int = 0) -> memoryview:
        """Bytes for new code: one chunk, or chunks of this many bytes. Chunks are numbered from 0."""
        if not self._segments or self._segments[-1].used + length > self._segments[-1].size:
            size = max(_FIRST_SIZE << min(len(self._segments), 6), length)
            self._segments.append(_Segment(size, len(self._seen)))
            self._map(len(self._segments) - 1)
        segment = self._segments[-1]
        start = segment.used
        segment.used += length
        segment.starts += range(start, segment.used, chunk or length)
        self._seen += [{} for _ in range(len(segment.starts) + segment.first_chunk - len(self._seen))]
        return segment.view[start : segment.used]

    def _map(self, number: int) -> None:
        segment = self._segments[number]
        try:
            path = f"{self._journal.folder}/{self._journal.name}.{number}.marks"
            descriptor = open_file(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            try:
                disk = fstatvfs(descriptor)
                if disk.f_bavail * disk.f_frsize < _ROOM:
                    unlink(path)  # noqa: PTH108  # pathlib is not loaded at start
                    raise OSError
                ftruncate(descriptor, segment.size)
                mapped = mmap(descriptor, segment.size)
            finally:
                close(descriptor)
        except (OSError, ValueError):
            segment.store = bytearray(segment.size)
            self._journal.note("unmapped", f"{number}")
            atexit.register(self._contexts.finish)
        else:
            segment.store = mapped
            # Never unmapped: it would close its descriptor's number, which may belong to somebody else by then.
            self._kept.append(mapped)
        segment.view = memoryview(segment.store)

    def take(self) -> list[tuple[int, int]]:
        """What was set since the last time, as (chunk, piece), and clear it.

        A piece is a set of bytes of one chunk; a new one gets a number and a line in the journal.
        """
        found: list[tuple[int, int]] = []
        for segment in self._segments:
            data = bytes(segment.view[: segment.used])
            at = data.find(b"\x01")
            if at >= 0:
                segment.view[: segment.used] = bytes(segment.used)
            while at >= 0:
                index = bisect_right(segment.starts, at) - 1
                end = segment.starts[index + 1] if index + 1 < len(segment.starts) else segment.used
                chunk = segment.first_chunk + index
                piece = data[segment.starts[index] : end]
                number = self._seen[chunk].get(piece)
                found.append((chunk, self._add_piece(chunk, piece) if number is None else number))
                at = data.find(b"\x01", end)
        return found

    def _add_piece(self, chunk: int, piece: bytes) -> int:
        number = self._seen[chunk][piece] = self._pieces
        self._pieces += 1
        mask = int(piece[:: self._stride][::-1].translate(_DIGITS), 2)
        self._journal.add(f'{{"piece":[{chunk},"{mask:x}"]}}')
        return number

    def tables(self) -> str:
        """How many chunks and pieces there are by now: a forked child's data build on its parent's."""
        return f',"chunks":{len(self._seen)},"pieces":{self._pieces}'

    def renew(self) -> list[int]:
        """In a forked child that has its journal: map files of its own; all rows change, see ``rows``.

        Returns the chunks that the parent had marked since its last ``take``.
        """
        marked = []
        for number, segment in enumerate(self._segments):
            marked += [segment.first_chunk + index for index in range(len(segment.starts)) if 1 in bytes(segment.row(index))]
            self._map(number)
        return marked

    def rows(self) -> list[memoryview]:
        """The bytes of each chunk."""
        return [segment.row(index) for segment in self._segments for index in range(len(segment.starts))]

    def first_bytes(self) -> mmap | bytearray:
        """What the first rows are views of: faster to write to, and perhaps longer."""
        return self._segments[0].store
