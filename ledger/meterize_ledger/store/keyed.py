"""Rows that are found by a 16-byte key, many at a time, and added where they are missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.dml import UpdateBase

from .arrays import array
from .many import Many

CHUNK: Final = 1000
SIZES: Final = (1, 10, 100, CHUNK)
"""Keys in one statement."""


def key_of(*texts: str | None) -> bytes:
    """16 bytes that stand for these texts: SHA-256 over each one's length and characters, None apart from the empty text."""
    whole = "".join(["-" if text is None else f"{len(text)}:{text}" for text in texts])
    return sha256(whole.encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class Find:
    """A query for rows by their keys: its condition is ``column.in_(bindparam("keys", expanding=True))``.

    It is made into SQL once: for PostgreSQL with one list, for SQLite with a few numbers of places, the last key in those left.
    """

    statement: Executable
    kind: str = "BYTEA"
    _texts: dict[int, str] = field(default_factory=dict)

    def __call__(self, connection: Connection, keys: Iterable[bytes] | Iterable[str]) -> Iterator[Any]:
        """The rows, CHUNK keys at a time."""
        wanted: list[Any] = list(keys)
        is_sqlite = connection.dialect.name == "sqlite"
        for at in range(0, len(wanted), CHUNK):
            chunk = wanted[at : at + CHUNK]
            if is_sqlite:
                places = next(size for size in SIZES if size >= len(chunk))
                values: tuple[Any, ...] = (*chunk, *chunk[-1:] * (places - len(chunk)))
            else:
                places, values = 0, (array(chunk),)
            text = self._texts.get(places) or self._texts.setdefault(places, self._compiled(places))
            yield from connection.exec_driver_sql(text, values).all()

    def _compiled(self, places: int) -> str:
        dialect = sqlite.dialect() if places else psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
        text = str(self.statement.compile(dialect=dialect))  # type: ignore[attr-defined]
        given = f"IN ({', '.join('?' * places)})" if places else f"= ANY (%s::{self.kind}[])"
        before, found, after = text.partition("IN (__[POSTCOMPILE_keys])")
        if not found:
            raise AssertionError(f"no keys in {text}")
        return before + given + after


def adding(table: Table, *names: str) -> Many:
    """Adds rows whose key, the first value, is not there yet; called in the order of keys, two that add wait in no circle."""

    def make(is_sqlite: bool) -> UpdateBase:
        made: UpdateBase = (sqlite if is_sqlite else postgresql).insert(table).on_conflict_do_nothing()
        return made

    return Many(make, ("key", *names))
