"""Owns the index of a folder of prepared modules, which the processes of one suite may read while another suite writes it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import uuid4

INDEX: Final = "index"


def write_index(folder: Path, lines: Iterable[str]) -> None:
    """Write ``folder/index``: whoever opens it meanwhile reads all of the old or all of the new one."""
    unfinished = folder / f"{INDEX}.{uuid4().hex}"
    unfinished.write_text("\n".join(lines), encoding="utf-8")
    unfinished.replace(folder / INDEX)
