"""Owns whether a process can still count into its usage file: certain answers only, for a file is removed on this word."""

# pathlib is no light import, and this runs in applications:
# ruff: noqa: PTH115, PTH116, PTH123, PTH208

from __future__ import annotations

import fcntl
import os
import re
import time
from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .usage_file import Header

BOOT_ID = "/proc/sys/kernel/random/boot_id"
PID_NAMESPACE = "/proc/self/ns/pid"
MOUNTS = "/proc/self/mountinfo"
LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "reiserfs", "tmpfs", "xfs", "zfs"}
)
"""File systems that one kernel alone writes: the locks on their files are all known to it, and none outlives it."""


class Life(Enum):
    """Of a process."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """It runs on another machine or in another PID namespace, or did, and nothing tells."""


class Machine:
    """Where the agent runs, and what it can therefore know of others."""

    def __init__(self) -> None:
        self.boot_id = _line(BOOT_ID)
        self.pid_namespace = _inode(PID_NAMESPACE)
        self._local: dict[int, bool] = {}

    def life(self, header: Header, descriptor: int) -> Life:
        """Whether the process of this header may still count into its file, which is open as ``descriptor``.

        The lock belongs to the process's mapping of the file (flock(2): to the open file description, which the mapping
        keeps), not to a descriptor that an application may close: while it is held somebody can count, and when it is free
        nobody can, in whatever PID namespace. Only where no lock was had does the pid decide, and only in our own namespace.
        """
        if not is_free(descriptor):
            return Life.ALIVE
        is_same_boot = header.boot_id == self.boot_id != ""
        if is_same_boot and header.pid_namespace == self.pid_namespace != 0:
            return Life.ALIVE if runs(header.pid, header.start_time) else Life.DEAD
        if is_same_boot:
            return Life.DEAD if header.is_locked else Life.UNKNOWN
        return Life.DEAD if self._is_of_earlier_boot(header, descriptor) else Life.UNKNOWN

    def _is_of_earlier_boot(self, header: Header, descriptor: int) -> bool:
        """Whether the file has rested since this machine booted, on a file system that no other kernel writes.

        Another machine (or a virtual one with a folder of ours) has another boot id as well, and is as alive as we are.
        """
        booted = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        status = os.fstat(descriptor)
        return max(header.made_at, status.st_mtime_ns) < booted and self._is_local(status.st_dev, descriptor)

    def _is_local(self, device: int, descriptor: int) -> bool:
        if device not in self._local:
            self._local[device] = kind_of(descriptor) in LOCAL
        return self._local[device]


def runs(pid: int, start_time: int) -> bool:
    """Whether the process of that pid, in our PID namespace, is the one that started then. In doubt it does.

    ``kill`` tells of processes that /proc hides from us (the mount option hidepid).
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        # A zombie waits for its parent only, unless other threads of it run on.
        is_over = fields[0] in (b"Z", b"X") and len(os.listdir(f"/proc/{pid}/task")) <= 1
        return int(fields[19]) == start_time and not is_over
    except (OSError, ValueError, IndexError):
        return True


def is_free(descriptor: int) -> bool:
    """Whether nobody holds the lock; a shared one of ours disturbs no other agent that looks at the same moment."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks on this file system: the header says so as well
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def kind_of(descriptor: int) -> str:
    """The type of the file system of an open file: of the innermost mount above it (proc(5), mountinfo); empty if unknown.

    By path, for the device numbers that files of btrfs and overlays tell are not those of their mounts.
    """
    best, kind = -1, ""
    try:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                before, _, after = line.partition(" - ")
                point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), before.split()[4]).rstrip("/")
                if len(point) >= best and path.startswith(point + "/"):  # of two at one place the later one is seen
                    best, kind = len(point), after.split()[0]
    except (OSError, IndexError):
        return ""
    return kind


def _line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
