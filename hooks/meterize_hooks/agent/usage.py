"""Owns what the agent knows of one process: its names, and which of its counts the ledger has confirmed.

Only what is certain to be a count leaves here. Pages that have not changed since they were confirmed are told by their hash
and not looked at again; of a live process's page the cells are read through a mapping, whole words at a time, because a read(2)
might see half of a carry; a dead one's page can no longer change.
"""

# pathlib is no light import, and this runs in applications:
# ruff: noqa: PTH118

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from os.path import join

from .items import Counter, Final, Loss, Page
from .liveness import Life, Machine
from .names import Names
from .pages import UNREADABLE, extents, first_cell, live_cells, open_file, read_pages, spans
from .usage_file import HEADER_BYTES, NAMES, PAGE_BYTES, USES, DamagedFileError, Header, read_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .items import Item, Memory
    from .names import LossKey

READ_BYTES = 64 * PAGE_BYTES
ZEROS = memoryview(bytes(READ_BYTES))
UNNAMED: LossKey = ("unnamed-uses", "", "", "")
"""Uses of a dead process that no name belongs to: how many, and nothing else, is known."""
MENDABLE = frozenset({"no-room", "no-spool"})
"""Losses that fall to nothing as soon as there is room: they are none before their process has died."""


@dataclass(slots=True)
class UsageFile:
    """One process's file, as far as it was read and confirmed."""

    folder: str
    incarnation: str
    memory: Memory
    header: Header | None = None
    names: Names = field(default_factory=Names)
    life: Life = Life.UNKNOWN
    seen: float = 0.0
    """When it was last read, seconds since 1970."""
    damage: str = ""
    """Why it will be left alone; empty where it is whole."""
    refused: dict[object, str] = field(default_factory=dict)
    """Keys of what the ledger will not have, with its reasons; a file with any is not removed."""
    refusals: int = 0
    is_at_rest: bool = False
    """Nothing more is expected of it, though it stays."""
    retry_at: float = 0.0
    """When what was refused is offered again; of the monotonic clock."""
    _totals: dict[int, int] = field(default_factory=dict)
    _losses: dict[LossKey, int] = field(default_factory=dict)
    _pages: dict[int, int] = field(default_factory=dict)
    _identity: tuple[int, int] = (0, 0)
    _is_final: bool = False

    @property
    def path(self) -> str:
        """Of the counts."""
        return join(self.folder, self.incarnation + USES)

    @property
    def names_path(self) -> str:
        """Of the names."""
        return join(self.folder, self.incarnation + NAMES)

    def changes(self, machine: Machine) -> Iterator[Item]:
        """What the ledger does not have; of a dead process everything once more, and then the end.

        Raises DamagedFileError, and FileNotFoundError where another agent has removed it.
        """
        self.seen = time.time()
        self.damage = ""
        descriptor = open_file(self.path)
        try:
            header = self._recognize(descriptor)
            # First whether it lives, then what it means, then what it counted: a dead process's counts are final, and a
            # name is written before its first use.
            self.life = machine.life(header, descriptor)
            if self.life is Life.DEAD and not self._is_final:
                self.forget()
                self._is_final = True
            self._read_names()
            yield from self._changed_losses()
            yield from self._changed_counters(descriptor, header)
            if self.life is Life.DEAD:
                yield from self._last_words(descriptor, header)
        except (FileNotFoundError, DamagedFileError):
            raise
        except (OSError, ValueError) as error:
            raise DamagedFileError(f"it cannot be read: {error}") from error
        finally:
            os.close(descriptor)

    def settle(self, item: Item) -> None:
        """The ledger has it."""
        match item:
            case Counter():
                if item.key in self._totals:
                    self._totals[item.key] = item.total
                elif self.memory.left:
                    self.memory.left -= 1
                    self._totals[item.key] = item.total
            case Loss():
                self._losses[item.key] = item.total
            case Page():
                self._pages[item.key] = item.digest
            case Final():
                self.is_at_rest = True

    @property
    def remedy(self) -> str:
        """What people may do about its damage."""
        if self.damage.startswith(UNREADABLE):
            return "run the agent as the user of the metered processes"
        looked = f"`meterize usage --spool {self.folder}` shows what can be read of it"
        return f"{looked}: keep it until you know what it held, then remove it"

    @property
    def is_removable(self) -> bool:
        """Whether the ledger has confirmed the final totals, all of them."""
        return self.is_at_rest and not self.damage and not self.refused

    def refuse(self, item: Item, reason: str, seconds: float) -> None:
        """The ledger will not have it; it is offered again so many seconds from now, and everything else without it."""
        self.refused[item.key] = reason
        self.retry_at = time.monotonic() + seconds
        self.is_at_rest |= isinstance(item, Final)

    def reconsider(self) -> None:
        """Offer again what was refused, when it is time."""
        if self.retry_at and time.monotonic() >= self.retry_at:
            self.refusals += 1
            self.retry_at = 0.0
            self.is_at_rest = self._is_final = False
            self.refused.clear()
            self._pages.clear()

    def forget(self) -> None:
        """Give back the memory."""
        self.memory.left += len(self._totals)
        self._totals.clear()
        self._pages.clear()
        self._losses.clear()

    def _recognize(self, descriptor: int) -> Header:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DamagedFileError("it is no regular file")
        if self.header is None or self._identity != (status.st_dev, status.st_ino):
            self.forget()
            self.names = Names()
            self.header = read_header(os.pread(descriptor, HEADER_BYTES, 0), self.incarnation)
            self._identity = (status.st_dev, status.st_ino)
        if status.st_size < self.header.file_bytes:
            raise DamagedFileError(f"it is {status.st_size} bytes long, and should be {self.header.file_bytes}")
        return self.header

    def _read_names(self) -> None:
        """What is named so far; what is behind a damage stays unnamed."""
        try:
            descriptor = open_file(self.names_path)
        except FileNotFoundError:
            return  # nothing is named yet
        try:
            self.names.read(descriptor)
        except DamagedFileError as error:
            self.damage = str(error)
        finally:
            os.close(descriptor)
        if self.names.missing:
            self.damage = f"{self.names.missing} of its names are missing"

    def _changed_losses(self) -> Iterator[Item]:
        for key, total in list(self.names.losses.items()):
            is_certain = self.life is Life.DEAD or key[0] not in MENDABLE
            if is_certain and self._losses.get(key, 0) != total and key not in self.refused:
                yield Loss(key, total)

    def _changed_counters(self, descriptor: int, header: Header) -> Iterator[Item]:
        for start, end in spans(header, self.names):
            for offset in range(start, end, READ_BYTES):
                data = read_pages(descriptor, min(READ_BYTES, end - offset), offset)
                for at in range(0, len(data), PAGE_BYTES):
                    content = data[at : at + PAGE_BYTES]
                    page, digest = (offset + at) // PAGE_BYTES, hash(content)
                    if self._pages.get(page) != digest:
                        is_dead = self.life is Life.DEAD
                        cells = content.cast("Q").tolist() if is_dead else live_cells(descriptor, page)
                        yield from self._counters(header, page, cells)
                        yield Page(page, digest)

    def _counters(self, header: Header, page: int, cells: list[int]) -> Iterator[Item]:
        hooks, subjects = self.names.hooks, self.names.subjects
        for cell, total in enumerate(cells, first_cell(page * PAGE_BYTES)):
            if total and self._totals.get(cell) != total and cell not in self.refused:
                hook, row = header.place(cell)
                if hook in hooks and row in subjects:
                    yield Counter(cell, total)

    def _last_words(self, descriptor: int, header: Header) -> Iterator[Item]:
        unnamed = sum(self._unnamed(descriptor, header))
        if unnamed:
            self.damage = f"{unnamed} uses have no name"
            yield Loss(UNNAMED, unnamed)
        yield Final()

    def _unnamed(self, descriptor: int, header: Header) -> Iterator[int]:
        for start, end in extents(descriptor, header.file_bytes):
            for offset in range(start, end, READ_BYTES):
                data = read_pages(descriptor, min(READ_BYTES, end - offset), offset)
                if data == ZEROS[: len(data)]:
                    continue
                for cell, total in enumerate(data.cast("Q").tolist(), first_cell(offset)):
                    hook, row = header.place(cell)
                    if total and not (hook in self.names.hooks and row in self.names.subjects):
                        yield total
