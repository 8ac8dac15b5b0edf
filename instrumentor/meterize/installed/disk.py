"""Single durable steps on the file system, and what their failures mean to the operator."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from meterize.errors import TargetError

_CANNOT_LINK: Final = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NOT_ALLOWED: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


def digest(data: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def read(path: Path) -> bytes | None:
    """The bytes of a regular file; None where there is nothing. Raises TargetError for links and folders.

    Leaves the access time alone where it may: the owner of a file, and root, can read without a trace.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise TargetError(
                f"{path} is not a regular file",
                slug="not-a-file",
                hint="Something arranged this environment in a way that meterize will not touch. Move it away and try again.",
            )
        with open(path, "rb", opener=_open_traceless) as file:  # Path.open takes no opener
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _open_traceless(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_NOATIME)
    except PermissionError:
        return os.open(path, flags)


def write(path: Path, data: bytes, mode: int, like: os.stat_result) -> None:
    """Write a new file down to the disk, owned as ``like`` is."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        _give(handle, like)
        os.fchmod(handle, mode)
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path, mode: int, like: os.stat_result) -> None:
    """Make one folder with this mode, whatever the umask, owned as ``like`` is."""
    path.mkdir(mode=mode)
    made = stat.S_IMODE(path.stat().st_mode)
    if made & 0o777 != mode:
        path.chmod(made & ~0o777 | mode)
    _give(path, like)


def duplicate(source: Path, target: Path) -> None:
    """Make ``target`` the same file as ``source``: by a link, which keeps everything, or else by as good a copy as can be."""
    remove(target)
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    # Under a name of its own first: a name that undoing trusts must never stand for half a file.
    partial = target.with_name(f"{target.name}.part")
    before = source.stat()
    write(partial, source.read_bytes(), stat.S_IMODE(before.st_mode), before)
    os.utime(partial, ns=(before.st_atime_ns, before.st_mtime_ns))
    partial.replace(target)


def set_times(path: Path, *, mtime_ns: int, atime_ns: int | None = None) -> None:
    """Set the time stamps, unless they are so already; the access time stays if none is given."""
    now = path.stat()
    wanted = (now.st_atime_ns if atime_ns is None else atime_ns, mtime_ns)
    if (now.st_atime_ns, now.st_mtime_ns) != wanted:
        os.utime(path, ns=wanted)


def sync_folders(folders: Iterable[Path]) -> None:
    """Make the names in these folders durable."""
    for folder in sorted(set(folders)):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove(path: Path) -> None:
    """Remove a file or a whole folder, if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def move_folder(source: Path, target: Path) -> None:
    """Give a folder another name; where the file system cannot (overlayfs, for one from a lower layer), copy and remove it."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = target.with_name(f"{target.name}.part")
        remove(partial)
        shutil.copytree(source, partial, symlinks=True)
        partial.replace(target)
        remove(source)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that is there and holds nothing."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
            raise


def _give(target: Path | int, like: os.stat_result) -> None:
    """As root in somebody else's environment: let the new file be theirs, as all the others are."""
    if os.geteuid() == 0 and (like.st_uid or like.st_gid):
        with suppress(PermissionError):
            os.chown(target, like.st_uid, like.st_gid)


@contextmanager
def failures_explained(site: Path, done: str = "nothing was changed") -> Iterator[None]:
    """Turn an OSError into a TargetError; ``done`` says in which state it left the environment."""
    try:
        yield
    except OSError as error:
        raise _explain(error, site, done) from error


def _explain(error: OSError, site: Path, done: str) -> TargetError:
    where = error.filename2 or error.filename or site
    details = (f"{where}: {error.strerror or error}",)
    if error.errno in _FULL:
        hint = "Make room on the file system and run the command again."
        return TargetError(f"the disk is full; {done}", slug="disk-full", hint=hint, details=details)
    if error.errno in _NOT_ALLOWED:
        why = "is on a read-only file system" if error.errno == errno.EROFS else "is not this user's to read and change"
        return TargetError(
            f"{site} {why}; {done}",
            slug="read-only-site",
            hint="Run as the user who owns the environment, or make it writable; an environment of your own (venv) is best.",
            details=details,
        )
    hint = "Look at the file system (full, failing, unmounted?) and run the command again."
    return TargetError(f"the file system refused; {done}", slug="file-system-error", hint=hint, details=details)
