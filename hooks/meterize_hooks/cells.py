"""Owns the cells that hooks count into, by hook and row, and which of them are the usage file's.

The memory mirrors the file, header included. A part of it that the file has room for has the file laid over it; what is counted
elsewhere is this process's alone until there is room. docs/hook-table.md has the geometry.
"""

from __future__ import annotations

from .memory import FIXED, READ_WRITE, SHARED, Memory
from .usage_file import HEADER_BYTES, OUTSIDE_OFFSET, WINDOWS_OFFSET, page_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from .usage_file import UsageFile

    class CellStore(Protocol):
        """Cells, wherever they are."""

        banks: int
        keeps_rows: bool

        @property
        def file_bytes(self) -> int:
            """Size of the file."""

        def attach(self, file: UsageFile, descriptor: int) -> None:
            """Count into this file, as far as there is room."""

        def make_room(self, banks: int, rows: int) -> bool:
            """Whether the file has these rows of these banks."""

        def has_room(self, banks: int, rows: int) -> bool:
            """Whether these may be touched."""

        def outside(self, banks: int, rows: int) -> int:
            """Uses that are in no file."""

        def note(self, outside: int) -> None:
            """Say in the file how many uses are not in it."""

        def note_window(self, hook: int, window: int) -> None:
            """Say in the file in which window of time a hook has counted last."""

        def clear(self) -> None:
            """Begin with nothing, in no file."""

        def row(self, number: int) -> memoryview[int]:
            """What hooks index with their slot."""

        def totals(self, hooks: int, rows: int) -> list[int]:
            """Uses of each hook over all rows."""


SLOTS = 64
ROWS = 10_002
BANKS = 8
CELL_BYTES = 8
FIRST = HEADER_BYTES // CELL_BYTES
"""The index of the first cell among the words."""
OUTSIDE = OUTSIDE_OFFSET // CELL_BYTES
WINDOWS_AT = WINDOWS_OFFSET // CELL_BYTES
WINDOWS = (HEADER_BYTES - WINDOWS_OFFSET) // CELL_BYTES
LEAST_ROWS = 8


def slot_of(hook: int) -> int:
    """Where in a subject's row the hook of this number counts."""
    return hook // SLOTS * ROWS * SLOTS + hook % SLOTS


def make_cells(banks: int) -> CellStore:
    """The cells of a process; fewer banks where there is no room for so many."""
    try:
        return Cells(banks)
    except MemoryError:
        return Cells(1)
    except ImportError:
        from .plain_cells import PlainCells

        return PlainCells(banks)


class Cells:
    """Cells in memory that never moves. Raises ImportError where that cannot be had, MemoryError where it has no room."""

    keeps_rows = True
    """Rows stay what they are in a forked child."""

    def __init__(self, banks: int) -> None:
        self.banks = banks
        self._page = page_bytes()
        self.file_bytes = HEADER_BYTES + banks * ROWS * SLOTS * CELL_BYTES
        self._memory = Memory(-(-self.file_bytes // self._page) * self._page)
        self._file: UsageFile | None = None
        self._in_file: set[int] = set()
        """Pages, by number."""
        self._room = (0, 0)
        """So many banks and rows are the file's."""

    def attach(self, file: UsageFile, descriptor: int) -> None:
        """Count into this file, as far as there is room. Its first page, the header's, holds its lock from now on."""
        if self._page > HEADER_BYTES:
            file.allocate(descriptor, 0, self._page)
        self._lay(0, 1, descriptor)
        self._file = file

    def make_room(self, banks: int, rows: int) -> bool:
        """Whether the file has these rows of these banks; some more rows than asked for are taken where that goes."""
        if banks <= self._room[0] and rows <= self._room[1]:
            return True
        if self._file is None:
            return False
        more = min(max(LEAST_ROWS, 1 << (rows - 1).bit_length()), ROWS)
        for wanted in (more, rows):
            if self._take(self._file, banks, wanted):
                self._room = (banks, wanted)
                return True
        return False

    def _take(self, file: UsageFile, banks: int, rows: int) -> bool:
        try:
            descriptor = file.open()
        except OSError:
            return False
        try:
            for first, last in self._missing(banks, rows):
                file.allocate(descriptor, first * self._page, (last - first) * self._page)
                self._lay(first, last, descriptor)
        except OSError:
            return False
        finally:
            file.close(descriptor)
        return True

    def _missing(self, banks: int, rows: int) -> Iterator[tuple[int, int]]:
        """(first, behind the last) of the pages that are not the file's."""
        for bank in range(banks):
            first: int | None = None
            begin, end = self._page_of(bank, 0), self._page_of(bank, rows - 1) + 1
            for page in range(begin, end + 1):
                is_missing = page < end and page not in self._in_file
                if is_missing and first is None:
                    first = page
                elif not is_missing and first is not None:
                    yield first, page
                    first = None

    def _page_of(self, bank: int, row: int) -> int:
        """A row never crosses the border of a page."""
        return (HEADER_BYTES + (bank * ROWS + row) * SLOTS * CELL_BYTES) // self._page

    def _lay(self, first: int, last: int, descriptor: int) -> None:
        """Have these pages in the file. What was counted there before is counted in the file as well."""
        offset, length = first * self._page, (last - first) * self._page
        words = self._memory.words[max(offset, HEADER_BYTES) // CELL_BYTES : (offset + length) // CELL_BYTES]
        kept = memoryview(bytearray(words.nbytes)).cast("Q")
        map_over, address, pages = self._memory.map_over, self._memory.address + offset, range(first, last)
        # Said first: if a signal's handler raises below, nothing may be laid, and counted, twice.
        self._in_file.update(pages)
        kept[:] = words
        try:
            laid = map_over(address, length, READ_WRITE, SHARED | FIXED, descriptor, offset)
        except self._memory.no_memory:
            laid = None
        # From the copy to the end of the call the interpreter has no place to change threads, and the call holds the GIL.
        if laid != address:
            self._in_file.difference_update(pages)
            raise OSError
        if kept.tobytes().strip(b"\0"):
            for index, count in enumerate(kept.tolist()):
                if count:
                    words[index] += count

    def has_room(self, banks: int, rows: int) -> bool:  # noqa: ARG002 - what the file has no room for is memory
        """Whether these may be touched: all of them, always."""
        return True

    def outside(self, banks: int, rows: int) -> int:
        """Uses that are in no file."""
        if banks <= self._room[0] and rows <= self._room[1]:
            return 0
        return sum(
            sum(self._cells(bank, row))
            for bank in range(banks)
            for row in range(rows)
            if self._page_of(bank, row) not in self._in_file
        )

    def note(self, outside: int) -> None:
        """Say in the header how many uses are not in the file: for the header there is always room."""
        self._memory.words[OUTSIDE] = outside

    def note_window(self, hook: int, window: int) -> None:
        """Say in the header in which window of time a hook has counted last; there is room for those of the usual banks."""
        if hook < WINDOWS:
            self._memory.words[WINDOWS_AT + hook] = window

    def clear(self) -> None:
        """Begin with nothing, in no file: a forked child's own, at its parent's addresses."""
        self._memory.clear()
        self._file = None
        self._in_file.clear()
        self._room = (0, 0)

    def row(self, number: int) -> memoryview[int]:
        """What hooks index with their slot: all from the row's first cell on."""
        return self._memory.words[FIRST + number * SLOTS :]

    def _cells(self, bank: int, row: int) -> list[int]:
        begin = FIRST + (bank * ROWS + row) * SLOTS
        return self._memory.words[begin : begin + SLOTS].tolist()

    def totals(self, hooks: int, rows: int) -> list[int]:
        """Uses of each hook over all rows."""
        totals: list[int] = []
        for bank in range(-(-hooks // SLOTS)):
            sums = self._cells(bank, 0)
            for row in range(1, rows):
                sums = [one + other for one, other in zip(sums, self._cells(bank, row), strict=True)]
            totals += sums
        return totals[:hooks]
