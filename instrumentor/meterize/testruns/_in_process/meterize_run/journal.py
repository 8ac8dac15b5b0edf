"""One process's data file: JSON lines, appended at once, so that a killed process leaves what it knew.

The file is opened anew for each write: a descriptor that is kept can be closed by a suite and its number reused.
"""

from __future__ import annotations

from _json import encode_basestring_ascii  # the json package itself would load re
from os import O_APPEND, O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY, O_WRONLY, close, environ, getpid, read, write
from os import open as open_file
from typing import NamedTuple

quote = encode_basestring_ascii
"""A text as a JSON string."""

FOLDER = environ["METERIZE_RUN_FOLDER"]

name = ""
"""``PID.N``: this process's files are FOLDER/PID.N.jsonl and FOLDER/PID.N.bits."""

_pending: list[str] = []


class Settings(NamedTuple):
    """What the tool asks for; lines of the file ``settings``."""

    mode: str
    cache_tag: str
    site: str
    probes: str
    modules: tuple[str, ...]


def read_settings() -> Settings:
    """Read FOLDER/settings."""
    lines = read_whole(f"{FOLDER}/settings").decode().split("\n")
    return Settings(lines[0], lines[1], lines[2], lines[3], tuple(line for line in lines[4:] if line))


def read_whole(path: str) -> bytes:
    """The bytes of a file, by the system calls alone."""
    descriptor = open_file(path, O_RDONLY | O_CLOEXEC)
    try:
        parts = []
        while part := read(descriptor, 1 << 20):
            parts.append(part)
    finally:
        close(descriptor)
    return b"".join(parts)


def create() -> None:
    """Claim a name that no process of this run has: a process id may come again, and exec keeps it."""
    global name
    process = getpid()
    for attempt in range(1000):
        name = f"{process}.{attempt}"
        try:
            close(open_file(f"{FOLDER}/{name}.jsonl", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600))
        except FileExistsError:
            continue
        return


def add(line: str) -> None:
    """Keep a line for the next ``flush``."""
    _pending.append(line)


def flush() -> None:
    """Append the kept lines; what cannot be written now (no descriptor left, say) is kept for the next time."""
    global _pending
    if not _pending:
        return
    lines, _pending = _pending, []
    data = ("\n".join(lines) + "\n").encode()
    try:
        descriptor = open_file(f"{FOLDER}/{name}.jsonl", O_WRONLY | O_APPEND | O_CLOEXEC)
        try:
            while data:
                data = data[write(descriptor, data) :]
        finally:
            close(descriptor)
    except OSError:
        _pending = [*lines, *_pending]


def note(key: str, text: str) -> None:
    """Write a line with one text in it."""
    add(f"{{{quote(key)}:{quote(text)}}}")
    flush()


def renew() -> None:
    """In a forked child: a file of its own; what the parent had not written yet is the parent's."""
    _pending.clear()
    create()
