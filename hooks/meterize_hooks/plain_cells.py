"""Owns cells where no file can be laid over memory: an interpreter without ``_ctypes``, a subinterpreter that may not load it.

The file is mapped as a whole, once. A forked child cannot exchange it under those who hold rows: it has new rows.
"""

from __future__ import annotations

import sys

from .cells import CELL_BYTES, FIRST, LEAST_ROWS, ROWS, SLOTS, WINDOWS, WINDOWS_AT
from .memory import ANONYMOUS
from .usage_file import HEADER_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap

    from .usage_file import UsageFile


class PlainCells:
    """Cells in a mapped file, or in plain memory where there is none."""

    keeps_rows = False

    def __init__(self, banks: int) -> None:
        self.banks = banks
        self.file_bytes = HEADER_BYTES + banks * ROWS * SLOTS * CELL_BYTES
        self._file: UsageFile | None = None
        self.clear()

    def attach(self, file: UsageFile, descriptor: int) -> None:
        """Count into this file, in rows that are made from now on. ``mmap`` keeps a descriptor of its own until 3.13."""
        from mmap import mmap

        file.allocate(descriptor, 0, HEADER_BYTES + LEAST_ROWS * SLOTS * CELL_BYTES)
        try:
            mapped = mmap(descriptor, self.file_bytes, trackfd=False)  # type: ignore[call-arg]
        except TypeError:
            mapped = mmap(descriptor, self.file_bytes)
        self._words = memoryview(mapped).cast("Q")
        self._file = file
        self._room = (1, LEAST_ROWS)

    def make_room(self, banks: int, rows: int) -> bool:
        """Whether the file has these rows of these banks."""
        if banks <= self._room[0] and rows <= self._room[1]:
            return True
        if self._file is None:
            return False
        rows = min(max(LEAST_ROWS, 1 << (rows - 1).bit_length()), ROWS)
        try:
            descriptor = self._file.open()
        except OSError:
            return False
        try:
            for bank in range(banks):
                begin = HEADER_BYTES + bank * ROWS * SLOTS * CELL_BYTES
                self._file.allocate(descriptor, begin, rows * SLOTS * CELL_BYTES)
        except OSError:
            return False
        finally:
            self._file.close(descriptor)
        self._room = (banks, rows)
        return True

    def has_room(self, banks: int, rows: int) -> bool:
        """Whether these may be touched: where there is no file, all of them."""
        return self._file is None or (banks <= self._room[0] and rows <= self._room[1])

    def outside(self, banks: int, rows: int) -> int:
        """Uses that are in no file."""
        return sum(self.totals(banks * SLOTS, rows)) if self._file is None else 0

    def note(self, outside: int) -> None:
        """What has a file here is in it."""

    def note_window(self, hook: int, window: int) -> None:
        """Say in the header in which window of time a hook has counted last."""
        if hook < WINDOWS:
            self._words[WINDOWS_AT + hook] = window

    def clear(self) -> None:
        """Begin with nothing, in no file."""
        self._words = memoryview(_zeros(self.file_bytes)).cast("Q")
        self._file = None
        self._room = (0, 0)

    def row(self, number: int) -> memoryview[int]:
        """What hooks index with their slot."""
        return self._words[FIRST + number * SLOTS :]

    def totals(self, hooks: int, rows: int) -> list[int]:
        """Uses of each hook over all rows."""
        totals = [0] * (-(-hooks // SLOTS) * SLOTS)
        for bank in range(-(-hooks // SLOTS)):
            for row in range(rows):
                begin = FIRST + (bank * ROWS + row) * SLOTS
                for index, count in enumerate(self._words[begin : begin + SLOTS].tolist(), bank * SLOTS):
                    totals[index] += count
        return totals[:hooks]


def _zeros(size: int) -> mmap | bytearray:
    """Memory of which the system has to find what is touched, and no more: of a bytearray that would be all."""
    if sys.platform == "linux":
        try:
            from mmap import mmap

            return mmap(-1, size, flags=ANONYMOUS)
        except (ImportError, OSError):
            pass
    return bytearray(size)
