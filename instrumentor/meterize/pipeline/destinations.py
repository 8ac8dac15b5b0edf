"""Where the files that a user asks for may be put: said before hours of tests, not after them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from meterize.errors import UsageError


def require_place(path: Path, option: str, *, begins: bytes) -> bool:
    """Raise UsageError unless a file can be put there; returns whether it will replace one of its own kind.

    ``begins`` is how a file of that kind begins: nothing else is ever overwritten.
    """
    try:
        what = _obstacle(path, begins)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a loop of links, up to Python 3.12
        what = getattr(error, "strerror", None) or str(error)
    if what:
        raise UsageError(
            f"{option} {path}: {what}",
            slug="no-place-for-file",
            hint=f"Name another place with {option} FILE, or move away what is there.",
        )
    return path.exists()


def require_two_places(plan: Path, other: Path, option: str = "--data") -> None:
    """Raise UsageError if both paths mean one file."""
    if plan.resolve() == other.resolve():
        raise UsageError(
            f"--plan and {option} name the same file: {plan}",
            slug="no-place-for-file",
            hint="The plan is a file for tools to read: name another one for the rest.",
        )


def _obstacle(path: Path, begins: bytes) -> str:
    folder = path.resolve().parent
    if len(os.fsencode(path.name)) > os.pathconf(folder, "PC_NAME_MAX"):
        return "the file's name is too long"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"you may not write in the folder {folder}"
    try:
        status = path.stat()
    except FileNotFoundError:
        return ""
    if not stat.S_ISREG(status.st_mode):
        return "something that is no regular file is there"
    if status.st_size:
        with path.open("rb") as file:
            if file.read(len(begins)) != begins:
                return "a file of another kind is there, which would be lost"
    return ""
