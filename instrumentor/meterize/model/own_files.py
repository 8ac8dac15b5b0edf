"""Owns how the files that the tool writes for its users begin: by that it knows its own again, whatever their names."""

from __future__ import annotations

from typing import Final

PLAN_BEGINS: Final = b"# A plan of meterize"
PAGE_BEGINS: Final = b"<!doctype html>\n<!-- A page of meterize"
DATA_BEGINS: Final = b"SQLite format 3\0"
"""Of a coverage.py data file, as of every database of SQLite (sqlite.org, database file format)."""

VERDICT_ENDS: Final = ".verdict.json"
"""Evidence is JSON, and begins as any: it goes by its name."""

_COVERAGE_TABLE: Final = b"CREATE TABLE coverage_schema"
_FIRST_PAGE: Final = 4096
"""Bytes; SQLite keeps its schema there."""


def is_own(data: bytes) -> bool:
    """Whether a file that begins so is a plan, a page, or what ``--data`` asks for. 4 KiB are enough to tell."""
    is_data = data.startswith(DATA_BEGINS) and _COVERAGE_TABLE in data[:_FIRST_PAGE]
    return is_data or data.startswith((PLAN_BEGINS, PAGE_BEGINS))
