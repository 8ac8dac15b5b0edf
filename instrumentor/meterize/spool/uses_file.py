"""Owns reading `<incarnation>.uses`: the header, and the cells that are not 0."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from struct import Struct
from typing import BinaryIO, Final
from zlib import crc32

MAGIC: Final = b"meterize"
VERSION: Final = 2
HEADER_BYTES: Final = 4096
ENDED: Final = 1
LOCKED: Final = 2
CELL_BYTES: Final = 8
OUTSIDE: Final = slice(272, 280)
WINDOWS: Final = slice(1024, 4096)
CELL_LIMIT: Final = 1 << 40
COUNT_LIMIT: Final = 1 << 63
CHUNK_BYTES: Final = 1 << 20
FIELDS: Final = Struct("<8sII36s36s36sQQQ64s32sIIIQI")
CONSTANT: Final = (slice(0, 12), slice(16, 264))
"""What the CRC covers: all but the flags and itself."""


class DamagedError(ValueError):
    """A file that is not what the hooks write; the message is the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who counts in a file. ``made`` is when it was made; ``started`` and ``pid_namespace`` are 0 where the system did not say.

    ``outside`` is how many uses were in the process's memory only, for want of room, when it last looked; ``windows`` are,
    by number of the hook, the last windows of time in which it has counted.
    """

    incarnation: str
    parent: str
    boot: str
    pid: int
    started: int
    pid_namespace: int
    made: datetime
    host: str
    ended: bool
    locked: bool
    rows: int
    slots: int
    banks: int
    outside: int
    windows: dict[int, int]

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return HEADER_BYTES + self.rows * self.slots * self.banks * CELL_BYTES

    def place(self, cell: int) -> tuple[int, int]:
        """(row, number of the hook) of a cell."""
        bank, rest = divmod(cell, self.rows * self.slots)
        row, slot = divmod(rest, self.slots)
        return row, bank * self.slots + slot


def read_header(file: BinaryIO) -> Header:
    """Raises DamagedError."""
    data = os.pread(file.fileno(), HEADER_BYTES, 0)
    if len(data) < HEADER_BYTES:
        raise DamagedError("ends within its header")
    (magic, version, flags, incarnation, parent, boot, pid, started, made, host, _, rows, slots, banks, namespace, crc) = (
        FIELDS.unpack_from(data)
    )
    if magic != MAGIC:
        raise DamagedError("is no usage file")
    if crc32(b"".join(data[part] for part in CONSTANT)) != crc:
        raise DamagedError("has a damaged header")
    if version != VERSION:
        raise DamagedError(f"is of version {version} of the format, which this meterize does not know")
    if not 0 < rows * slots * banks < CELL_LIMIT:
        raise DamagedError("has a header that makes no sense")
    return Header(
        incarnation=_text(incarnation),
        parent=_text(parent),
        boot=_text(boot),
        pid=pid,
        started=started,
        pid_namespace=namespace,
        made=_time(made),
        host=_text(host),
        ended=bool(flags & ENDED),
        locked=bool(flags & LOCKED),
        rows=rows,
        slots=slots,
        banks=banks,
        outside=int.from_bytes(data[OUTSIDE], "little"),
        windows={number: window for number, (window,) in enumerate(Struct("<Q").iter_unpack(data[WINDOWS])) if window},
    )


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "backslashreplace")


def _time(nanoseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        raise DamagedError("has a header that makes no sense") from None


def read_cells(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """(index, count) of the cells that are not 0. Holes of a sparse file are not read."""
    size = os.fstat(file.fileno()).st_size
    size -= (size - HEADER_BYTES) % CELL_BYTES
    for begin, end in _data(file, size):
        position = max(begin - begin % CELL_BYTES, HEADER_BYTES)
        while position < end:
            # Looking for holes moves the file's position, which a buffered reader does not notice.
            length = min(CHUNK_BYTES, -(-(end - position) // CELL_BYTES) * CELL_BYTES, size - position)
            data = os.pread(file.fileno(), length, position)
            data = data[: len(data) - len(data) % CELL_BYTES]
            if not data:
                return
            if data.strip(b"\0"):
                first = (position - HEADER_BYTES) // CELL_BYTES
                for index, count in enumerate(Struct(f"<{len(data) // CELL_BYTES}Q").unpack_from(data), first):
                    if count:
                        yield index, count
            position += len(data)


def _data(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of what is no hole; all of the file where the file system cannot tell."""
    position = HEADER_BYTES
    while position < size:
        try:
            begin = os.lseek(file.fileno(), position, os.SEEK_DATA)
            end = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: nothing but a hole from here on
                yield position, size
            return
        yield begin, min(end, size)
        position = end
