"""Owns where the spool is and how its files are opened: as what they should be, or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

USES_SUFFIX: Final = ".uses"
NAMES_SUFFIX: Final = ".names"
OLD_SUFFIX: Final = ".jsonl"
"""Of what the hooks wrote before they counted in memory."""


def default_spool(environ: Mapping[str, str]) -> Path:
    """METERIZE_SPOOL, else ``meterize/spool`` under the XDG state folder: where the hooks write in that environment."""
    given, state = environ.get("METERIZE_SPOOL", ""), environ.get("XDG_STATE_HOME", "")
    if given:
        return Path(os.path.abspath(os.path.expanduser(given)))  # noqa: PTH100, PTH111 - as the hooks do, without resolving
    if state.startswith("/"):
        return Path(state, "meterize", "spool")
    return Path(os.path.expanduser("~/.local/state/meterize/spool"))  # noqa: PTH111 - no error without a home


def find_obstacle(folder: Path) -> str:
    """What keeps a process of this user from writing there, in words; empty if nothing does. Hooks make missing folders."""
    at = folder
    while not os.path.lexists(at) and at != at.parent:
        at = at.parent
    what = "it" if at == folder else f"it is not there and cannot be made: {at}"
    if not at.exists():
        return f"{what} is a link that leads nowhere"
    if not at.is_dir():
        return f"{what} is no folder"
    if not os.access(at, os.W_OK | os.X_OK):
        return f"{what} is not to be written to by this user"
    return ""


def open_regular(path: Path) -> BinaryIO:
    """Open a file, and nothing that only looks like one: a link may lead anywhere, a pipe would never end. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return os.fdopen(descriptor, "rb")
