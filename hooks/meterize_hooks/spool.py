"""Owns where the spool is: a private folder in which each process keeps its own files."""

# pathlib is no light import:
# ruff: noqa: PTH100, PTH111, PTH117, PTH118, PTH120

from __future__ import annotations

from os.path import abspath, dirname, expanduser, isabs, join

from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def spool_folder(environ: Mapping[str, str]) -> str | None:
    """METERIZE_SPOOL, else meterize/spool under the XDG state folder; None where that names no absolute path."""
    given = environ.get("METERIZE_SPOOL", "")
    state = environ.get("XDG_STATE_HOME", "")
    if given:
        folder = expanduser(given)
    elif isabs(state):
        folder = join(state, "meterize", "spool")
    else:
        folder = expanduser(join("~", ".local", "state", "meterize", "spool"))
    try:
        return abspath(folder) if given else folder if isabs(folder) else None
    except OSError:  # a relative path, and the working directory is gone
        return None


def make_folder(folder: str, mode: int = 0o700) -> None:
    """Private from its first moment; the folders above it as the user's umask says. Raises OSError."""
    try:
        System.mkdir(folder, mode)
    except FileExistsError:
        return
    except FileNotFoundError:
        if dirname(folder) == folder:
            raise
        make_folder(dirname(folder), 0o777)
        System.mkdir(folder, mode)
