"""Rows that are found by a 16-byte key, many at a time, and added where they are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

CHUNK: Final = 1000
"""Keys in one statement: SQLite takes 32,766 values, PostgreSQL 65,535."""


def key_of(*texts: str | None) -> bytes:
    """16 bytes that stand for these texts: SHA-256 over each one's length and bytes, None apart from the empty text."""
    digest = sha256()
    for text in texts:
        data = b"" if text is None else text.encode()
        digest.update(b"-" if text is None else b"%d:" % len(data))
        digest.update(data)
    return digest.digest()[:16]


def find(connection: Connection, statement: Executable, keys: Iterable[bytes]) -> Iterator[Any]:
    """The statement's rows; it takes a list as ``keys``."""
    wanted = list(keys)
    for at in range(0, len(wanted), CHUNK):
        yield from connection.execute(statement, {"keys": wanted[at : at + CHUNK]})


def add_missing(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Add those rows whose key is not there yet, in the order of their keys: then two that add the same wait, in no circle."""
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).on_conflict_do_nothing()
    connection.execute(statement, sorted(rows, key=lambda row: bytes(row["key"])))
