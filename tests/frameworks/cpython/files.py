"""Owns which of CPython's test files are compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

LIST = Path(__file__).parent / "files.txt"

FEW = (
    "test_argparse",
    "test_asyncgen",
    "test_asyncio.test_taskgroups",
    "test_contextlib",
    "test_dataclasses",
    "test_generators",
    "test_json",
    "test_queue",
    "test_re",
    "test_textwrap",
    "test_threadsignals",
    "test_traceback",
    "test_with",
)
"""Quick ones of all kinds, for every change."""


def listed_files() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each file of the list, and the versions that have it; all if there are none."""
    for line in LIST.read_text(encoding="utf-8").splitlines():
        name, *versions = line.partition("#")[0].split() or [""]
        if name:
            yield name, tuple(versions)


def files_of(version: str) -> list[str]:
    """The files of the list for a version such as 3.12."""
    return [name for name, versions in listed_files() if not versions or version in versions]
