"""Owns the form of a usage file, as docs/hook-table.md has it: the header, and where the cell of a hook and subject lies."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32

MAGIC = b"meterize"
VERSION = 2
HEADER_BYTES = 4096
PAGE_BYTES = 4096
CELL_BYTES = 8
LAYOUT = struct.Struct("<8sII36s36s36sQQQ64s32sIIIQ")
"""Magic, version, flags, incarnation, parent, boot id, pid, start, made at, host, digest, rows, slots, banks, PID namespace."""
FLAGS_AT = 12
LOCKED = 2
"""The flag of a file whose process holds a lock on it for as long as it can count there."""
AGENT = 4
"""The flag of a file whose process delivers it itself: METERIZE_AGENT=thread."""
CELL_LIMIT = 1 << 26
USES, NAMES, DONE = ".uses", ".names", ".done"
"""Suffixes: counts, names, and counts that the ledger has confirmed, about to be removed."""


class DamagedFileError(Exception):
    """What a file holds is not what its process wrote. It is reported by name, and left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Who writes a usage file, and its geometry."""

    incarnation: str
    boot_id: str
    pid: int
    start_time: int
    """In clock ticks since the boot: field 22 of /proc/PID/stat."""
    made_at: int
    """Nanoseconds since 1970."""
    host: str
    rows: int
    slots: int
    banks: int
    pid_namespace: int
    """The inode of /proc/PID/ns/pid; 0 where it is unknown."""
    is_locked: bool
    has_agent: bool

    @property
    def file_bytes(self) -> int:
        """How long the file has to be."""
        return HEADER_BYTES + self.banks * self.rows * self.slots * CELL_BYTES

    def row_bytes(self, bank: int, row: int) -> int:
        """Where the slots of this row begin."""
        return HEADER_BYTES + (bank * self.rows + row) * self.slots * CELL_BYTES

    def place(self, cell: int) -> tuple[int, int]:
        """(hook, row) of a cell, counted from the first one."""
        bank, rest = divmod(cell, self.rows * self.slots)
        row, slot = divmod(rest, self.slots)
        return bank * self.slots + slot, row


def read_header(data: bytes, incarnation: str) -> Header:
    """The header of the file of that incarnation. Raises DamagedFileError."""
    if len(data) < LAYOUT.size + 4:
        raise DamagedFileError(f"it is {len(data)} bytes long")
    magic, version, flags, name, _, boot, pid, start, made, host, _, rows, slots, banks, namespace = LAYOUT.unpack_from(data)
    if magic != MAGIC:
        raise DamagedFileError("it does not begin as a usage file")
    if version != VERSION:
        raise DamagedFileError(f"its format has version {version}, and this agent reads {VERSION}")
    if checksum(data) != int.from_bytes(data[LAYOUT.size : LAYOUT.size + 4], "little"):
        raise DamagedFileError("the checksum of its header is wrong")
    if _text(name) != incarnation:
        raise DamagedFileError(f"it is the file of {_text(name)}")
    if not 0 < rows * slots * banks <= CELL_LIMIT or PAGE_BYTES % (slots * CELL_BYTES):
        raise DamagedFileError(f"it has {banks} banks of {rows} rows of {slots} slots")
    return Header(
        incarnation=incarnation,
        boot_id=_text(boot),
        pid=pid,
        start_time=start,
        made_at=made,
        host=_text(host),
        rows=rows,
        slots=slots,
        banks=banks,
        pid_namespace=namespace,
        is_locked=bool(flags & LOCKED),
        has_agent=bool(flags & AGENT),
    )


def checksum(data: bytes) -> int:
    """CRC-32 of the constant part: all but the flags."""
    return crc32(data[FLAGS_AT + 4 : LAYOUT.size], crc32(data[:FLAGS_AT]))


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("utf-8", "replace")
