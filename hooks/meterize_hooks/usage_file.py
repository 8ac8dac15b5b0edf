"""Owns the usage file of one process: its header, and room in it; what is counted there is written by nobody but the hooks."""

# pathlib is no light import:
# ruff: noqa: PTH118

from __future__ import annotations

import errno
import os
from binascii import crc32
from os.path import join

from .processes import Identity
from .spool import make_folder
from .system import System

MAGIC = b"meterize"
VERSION = 2
HEADER_BYTES = 4096
SUFFIX = ".uses"
ENDED, LOCKED = 1, 2
"""Flags: the process ended in good order; a lock was taken, which goes with the process."""
FLAGS_OFFSET = 12
OUTSIDE_OFFSET = 272
WINDOWS_OFFSET = 1024
HOST_BYTES = 64
ATTEMPTS = 3
NO_SUCH_CALL = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


def page_bytes() -> int:
    """Of the system's memory."""
    return os.sysconf("SC_PAGE_SIZE")


class UsageFile:
    """``<incarnation>.uses``. Opened each time it is needed: an application may close descriptors that it does not know."""

    def __init__(self, folder: str, incarnation: str) -> None:
        self._folder = folder
        self._path = join(folder, incarnation + SUFFIX)
        self._temporary = self._name = join(folder, f".{incarnation}.new")
        self._inode = 0

    def make(self, header: bytes, size: int) -> int:
        """Make it, all of it sparse but the header, first under a temporary name; a descriptor of it. Raises OSError.

        Whoever sweeps the folder by a clock that was set ahead may take it for one that was left there: then once more.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return self._make(header, size)
            except FileNotFoundError:
                continue
        return self._make(header, size)

    def _make(self, header: bytes, size: int) -> int:
        try:
            descriptor = System.open(self._temporary, FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        except FileNotFoundError:
            make_folder(self._folder)
            descriptor = System.open(self._temporary, FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            flags = LOCKED if _lock(descriptor) else 0
            header = header[:FLAGS_OFFSET] + flags.to_bytes(4, "little") + header[FLAGS_OFFSET + 4 :]
            if System.pwrite(descriptor, header, 0) != HEADER_BYTES:
                raise OSError(errno.ENOSPC, "no room for the header")
            System.ftruncate(descriptor, size)
            self._inode = System.fstat(descriptor).st_ino
            System.rename(self._temporary, self._path)
            self._name = self._path
        except BaseException:
            System.close(descriptor)
            self.discard()
            raise
        return descriptor

    def discard(self) -> None:
        """Take it away; nothing was counted there yet."""
        try:
            System.unlink(self._name)
        except OSError:
            return

    def open(self) -> int:
        """A descriptor. Raises OSError, also where another file stands in its place."""
        descriptor = System.open(self._path, FLAGS)
        if System.fstat(descriptor).st_ino != self._inode:
            System.close(descriptor)
            raise FileNotFoundError
        return descriptor

    def close(self, descriptor: int) -> None:
        """Let go of it."""
        System.close(descriptor)

    def allocate(self, descriptor: int, offset: int, length: int) -> None:
        """Have the file system keep room, for a page that finds none when it is first written is a SIGBUS. Raises OSError."""
        try:
            System.posix_fallocate(descriptor, offset, length)
        except OSError as error:
            if error.errno not in NO_SUCH_CALL:
                raise
            if System.pwrite(descriptor, bytes(length), offset) != length:
                raise OSError(errno.ENOSPC, "no room") from None

    def mark_ended(self) -> None:
        """Say in the header that the process ended in good order."""
        try:
            descriptor = self.open()
        except OSError:
            return
        try:
            byte = System.pread(descriptor, 1, FLAGS_OFFSET)
            System.pwrite(descriptor, bytes((byte[0] | ENDED,)), FLAGS_OFFSET)
        except (OSError, IndexError):
            return
        finally:
            System.close(descriptor)


def header_of(identity: Identity, incarnation: str, parent: str, digest: bytes, rows: int, slots: int, banks: int) -> bytes:
    """The header of a new file, flags 0."""
    host = os.uname().nodename.encode("utf-8", "surrogateescape")[:HOST_BYTES].decode("utf-8", "ignore").encode()
    born = b"".join(
        (
            _ascii(incarnation),
            _ascii(parent),
            _ascii(identity.boot),
            _number(identity.pid, 8),
            _number(identity.started, 8),
            _number(int(System.time() * 1e9), 8),
            host.ljust(HOST_BYTES, b"\0"),
            digest,
            *(_number(number, 4) for number in (rows, slots, banks)),
            _number(identity.pid_namespace, 8),
        )
    )
    name = MAGIC + _number(VERSION, 4)
    return (name + bytes(4) + born + _number(crc32(name + born), 4)).ljust(HEADER_BYTES, b"\0")


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace")[:36].ljust(36, b"\0")


def _number(number: int, size: int) -> bytes:
    return (number & ((1 << 8 * size) - 1)).to_bytes(size, "little")


def _lock(descriptor: int) -> bool:
    """Whether the lock is ours. It belongs to the open file, which its mapping keeps, whoever closes descriptors."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock

        flock(descriptor, LOCK_EX | LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
