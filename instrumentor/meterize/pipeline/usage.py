"""Who used what, and what hooks do now, from the spool."""

from __future__ import annotations

import os
import time
from pathlib import Path

from meterize.errors import UsageError
from meterize.spool import LiveProcess, Usage, default_spool, read_states, read_uses


def usage(spool: Path | None = None) -> tuple[Path, Usage]:
    """The spool that was read (METERIZE_SPOOL, else under the XDG state folder) and what it holds.

    Raises UsageError if a ``spool`` that was asked for is not there; the usual one comes with the first use.
    """
    folder = _folder(spool)
    return folder, read_uses(folder)


def hooks(spool: Path | None = None) -> tuple[Path, list[LiveProcess], list[str]]:
    """The spool that was read, the processes that count now with their hooks, what could not be read. Raises UsageError."""
    folder = _folder(spool)
    return folder, *read_states(folder, time.time())


def _folder(spool: Path | None) -> Path:
    if spool is not None and _is_missing(spool):
        raise UsageError(
            f"there is no folder {spool}: that would read as if nobody had used anything",
            slug="no-spool",
            hint="Name the folder that metered processes write to (their METERIZE_SPOOL), or leave out --spool.",
        )
    return default_spool(os.environ) if spool is None else spool


def _is_missing(folder: Path) -> bool:
    """Not so where it cannot be looked at: what reads it says that."""
    try:
        folder.stat()
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False
