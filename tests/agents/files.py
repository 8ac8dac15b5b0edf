"""Usage files as docs/hook-table.md has them, written by other hands than the hooks'."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import struct
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

ROWS, SLOTS, BANKS = 10_002, 64, 8
HEADER = 4096


def start_time(pid: int | str = "self") -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def new_incarnation() -> str:
    random = uuid.uuid4().hex
    digits = f"{time.time_ns() // 1_000_000:012x}7{random[:3]}a{random[3:18]}"
    return str(uuid.UUID(digits))


@dataclass
class Process:
    """One process's two files. By default they are this very process's, which holds the lock."""

    folder: Path
    incarnation: str = field(default_factory=new_incarnation)
    boot_id: str = field(default_factory=lambda: Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    pid: int = field(default_factory=os.getpid)
    started: int = field(default_factory=start_time)
    namespace: int = field(default_factory=lambda: Path("/proc/self/ns/pid").stat().st_ino)
    made_at: int = field(default_factory=time.time_ns)
    host: str = "here"
    rows: int = ROWS
    banks: int = BANKS
    locked: bool = True
    magic: bytes = b"meterize"
    version: int = 2
    _sequence: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self.folder / f".{self.incarnation}.new"
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        if self.locked:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, self.header())
        size = HEADER + self.banks * self.rows * SLOTS * 8
        os.ftruncate(descriptor, size)
        self.map = mmap.mmap(descriptor, size)
        os.close(descriptor)
        self.cells = memoryview(self.map)[HEADER:].cast("Q")
        temporary.rename(self.uses)

    @property
    def uses(self) -> Path:
        return self.folder / f"{self.incarnation}.uses"

    @property
    def names(self) -> Path:
        return self.folder / f"{self.incarnation}.names"

    def header(self) -> bytes:
        name = self.magic + struct.pack("<I", self.version)
        rest = struct.pack(
            "<36s36s36sQQQ64s32sIIIQ",
            self.incarnation.encode(),
            b"",
            self.boot_id.encode(),
            self.pid,
            self.started,
            self.made_at,
            self.host.encode(),
            bytes(32),
            self.rows,
            SLOTS,
            self.banks,
            self.namespace,
        )
        flags = struct.pack("<I", 2 if self.locked else 0)
        return (name + flags + rest + struct.pack("<I", crc32(name + rest))).ljust(HEADER, b"\0")

    def cell(self, hook: int, row: int) -> int:
        return (hook // SLOTS * self.rows + row) * SLOTS + hook % SLOTS

    def use(self, hook: int = 0, row: int = 0, times: int = 1) -> None:
        self.cells[self.cell(hook, row)] += times

    def hook(self, slot: int = 0, feature: str = "feat", policy: str = "every", package: str = "dist") -> None:
        name = f"{package}/{feature}/{slot + 1}"
        self.frame(kind="hook", slot=slot, id=name, feature=feature, package=package, policy=policy)

    def subject(self, row: int, text: str) -> None:
        self.frame(kind="subject", row=row, text=text)

    def loss(self, reason: str, count: int) -> None:
        self.frame(kind="loss", reason=reason, package="", feature="", hook="", count=count)

    def frame(self, *, skip: int = 0, **payload: object) -> None:
        self._sequence += 1 + skip
        self.append(frame(self._sequence, json.dumps(payload).encode()))

    def append(self, data: bytes) -> None:
        with self.names.open("ab") as file:
            file.write(data)

    def close(self) -> None:
        """Let go of the lock, as the end of the process does."""
        self.cells.release()
        self.map.close()


def frame(sequence: int, payload: bytes) -> bytes:
    body = struct.pack("<Q", sequence) + payload
    return struct.pack("<II", len(payload), crc32(body)) + body


def a_dead_pid() -> int:
    """The pid of a process that is gone."""
    with subprocess.Popen(["true"]) as gone:
        return gone.pid


def dead(folder: Path, **fields: object) -> Process:
    """Files of a process that has ended; ``close`` them when all is counted."""
    return Process(folder, pid=a_dead_pid(), **fields)  # type: ignore[arg-type]
