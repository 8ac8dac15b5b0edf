"""One instrumentation at a time per environment: a lock on the site folder itself, which leaves no file behind."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from meterize.errors import TargetError

WAIT_SECONDS = 5.0
_POLL_SECONDS: Final = 0.05

_held: Final[set[tuple[int, int, int]]] = set()
"""Thread, device and inode of the folders that this process has locked: whoever holds a lock may ask for it again."""


@contextmanager
def lock(site: Path, *, wait: float | None = None) -> Iterator[None]:
    """Hold the environment's lock; a thread that holds it already goes on.

    Waits for at most ``wait`` seconds (None: WAIT_SECONDS), then raises TargetError (``locked``) that names the other
    process. The kernel releases the lock of a process that dies.
    """
    handle = _open(site)
    try:
        status = os.fstat(handle)
        key = (threading.get_ident(), status.st_dev, status.st_ino)
        if key in _held:
            yield
            return
        _acquire(handle, site, WAIT_SECONDS if wait is None else wait)
        _held.add(key)
        try:
            yield
        finally:
            _held.discard(key)
    finally:
        os.close(handle)


def _open(site: Path) -> int:
    try:
        return os.open(site, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise TargetError(
            f"{site} is no folder that can be opened: {error.strerror}",
            slug="no-such-site",
            hint="Check the path of the environment.",
        ) from error


def _acquire(handle: int, site: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise _locked(handle, site) from None
            time.sleep(_POLL_SECONDS)
        except OSError as error:
            # NFS locks only what is open for writing, which no folder can be.
            if error.errno not in {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}:
                raise
            raise TargetError(
                f"the file system of {site} has no locks: {error.strerror}",
                slug="no-locks",
                hint="Two instrumentations at once could not be told apart. Use an environment on a local disk.",
            ) from error
        else:
            return


def _locked(handle: int, site: Path) -> TargetError:
    holder = _holder(os.fstat(handle).st_ino)
    return TargetError(
        f"{f'process {holder}' if holder else 'another process'} is instrumenting {site}",
        slug="locked",
        hint="Wait until it is done, and run the command again.",
    )


def _holder(inode: int) -> int | None:
    """The process that holds the lock, as the kernel tells (proc_locks(5)); None where it does not."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        fields = line.split()
        if len(fields) >= 6 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode) and int(fields[4]) > 0:
            return int(fields[4])
    return None
