"""Owns looking at the cells of a usage file, page by page, without ever waking a signal or a page that nobody wrote."""

from __future__ import annotations

import os
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap

from .usage_file import CELL_BYTES, HEADER_BYTES, PAGE_BYTES, DamagedFileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .names import Names
    from .usage_file import Header

UNREADABLE = "it cannot be opened"
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def open_file(path: str) -> int:
    """A descriptor to read it. Raises FileNotFoundError, DamagedFileError."""
    try:
        return os.open(path, OPEN)
    except FileNotFoundError:
        raise
    except OSError as error:  # a symbolic link, no permission, no descriptor left
        raise DamagedFileError(f"{UNREADABLE}: {error.strerror}") from error


def first_cell(offset: int) -> int:
    """The number of the cell at this byte of the file."""
    return (offset - HEADER_BYTES) // CELL_BYTES


def spans(header: Header, names: Names) -> Iterator[tuple[int, int]]:
    """The bytes, in whole pages, where cells of named hooks and rows lie."""
    last = min(names.last_row, header.rows - 1)
    for bank in sorted({slot // header.slots for slot in names.hooks if slot < header.slots * header.banks}):
        start = header.row_bytes(bank, 0)
        end = header.row_bytes(bank, last + 1)
        yield start - start % PAGE_BYTES, -(-end // PAGE_BYTES) * PAGE_BYTES


def extents(descriptor: int, end: int) -> Iterator[tuple[int, int]]:
    """The bytes after the header that are no holes, in whole pages."""
    offset = HEADER_BYTES
    while offset < end:
        try:
            start = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError:  # nothing but a hole follows
            return
        hole = os.lseek(descriptor, start, os.SEEK_HOLE)
        start -= start % PAGE_BYTES
        offset = min(-(-hole // PAGE_BYTES) * PAGE_BYTES, -(-end // PAGE_BYTES) * PAGE_BYTES)
        yield max(start, HEADER_BYTES), offset


def read_pages(descriptor: int, size: int, offset: int) -> memoryview:
    """So many bytes, or zeros behind the end of a file whose last page is not whole. Raises DamagedFileError, OSError.

    This comes before any look through a mapping: where the file was cut short or the disk fails, an error comes of it and no
    signal.
    """
    data = os.pread(descriptor, size, offset)
    if len(data) <= size - PAGE_BYTES:
        raise DamagedFileError(f"it ends at byte {offset + len(data)}")
    return memoryview(data.ljust(size, b"\0"))


def live_cells(descriptor: int, page: int) -> list[int]:
    """The cells of a page that somebody may be counting in, each one whole: memoryview copies word by word."""
    offset = page * PAGE_BYTES
    before = offset % ALLOCATIONGRANULARITY  # where the system's own pages are larger
    with (
        mmap(descriptor, before + PAGE_BYTES, access=ACCESS_READ, offset=offset - before) as mapping,
        memoryview(mapping) as view,
        view[before:] as part,
        part.cast("Q") as cells,
    ):
        return cells.tolist()
