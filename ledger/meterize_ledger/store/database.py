"""A ledger's database: opened by a path or a URL, read from, and written to in transactions that wait, end or say why not."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from meterize_ledger.errors import NotFound, Refused

from .failure import is_passing, no_ledger, opening, told
from .turns import Turns

Result = TypeVar("Result")
ATTEMPTS: Final = 4
"""How often a transaction is tried that another one got in the way of (a deadlock, a row that both added)."""
PATIENCE: Final = 5.0
"""How long a transaction waits for others, in seconds, before it says that the ledger is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The two ways in: many readers, and one writer at a time on SQLite, ``writers`` of them on PostgreSQL.

    ``spare`` is one connection more, for a look at whether the database answers, which must not wait for readers.
    """

    url: URL
    reader: Engine
    writer: Engine
    spare: Engine
    turns: Turns | None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def name(self) -> str:
        """For people: the file, or the URL without its password."""
        if self.is_sqlite:
            return str(self.url.database)
        shown = self.url.difference_update_query(["password", "sslpassword"])
        return shown._replace(drivername="postgresql", password=None).render_as_string()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the ledger and changes nothing."""
        with told(), self.reader.connect() as connection:
            yield connection

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """As ``reading``, by the spare connection: for one at a time."""
        with told(), self.spare.connect() as connection:
            yield connection

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """The work's result, once it is durable. It is tried again where another transaction got in its way.

        Raises what the work raises, and Unavailable: nothing of it is recorded then, unless the database broke while it
        confirmed, after which the same work, done again, finds that it was done.
        """
        with told():
            if self.turns is None:
                return _write(self.writer, work)
            result: Result = self.turns.take(work)
            return result

    def close(self) -> None:
        """Let go of all connections."""
        self.reader.dispose()
        self.writer.dispose()
        self.spare.dispose()


def _write(engine: Engine, work: Callable[[Connection], Result]) -> Result:
    for attempt in range(ATTEMPTS):
        try:
            with engine.begin() as connection:
                return work(connection)
        except Exception as error:
            if attempt + 1 == ATTEMPTS or not is_passing(error):
                raise
    raise AssertionError("unreachable")


def default_path() -> Path:
    """Where the ledger is if nobody says: under the XDG state folder."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return base / "meterize" / "ledger.db"


def open_database(
    place: str | Path | None = None, *, make: bool = True, writers: int = 4, patience: float = PATIENCE
) -> Database:
    """The database at a path (SQLite; ``make`` says whether it is made) or a URL (``postgresql://…``), whatever its schema."""
    url = _url(default_path() if place is None else place)
    if url.get_backend_name() == "sqlite":
        _find_file(Path(url.database or ""), make=make, usual=place is None)
        writer = _sqlite(url, patience, writing=True)
        turns = Turns(writer, partial(_write, writer), patience)
        spare = _sqlite(url, patience, most=1)
        return Database(url=url, reader=_sqlite(url, patience), writer=writer, spare=spare, turns=turns)
    options: dict[str, Any] = {
        "pool_pre_ping": True,
        "pool_timeout": patience,
        "connect_args": {
            "connect_timeout": max(2, round(patience)),
            "options": f"-c lock_timeout={patience * 1000:.0f} -c statement_timeout=120000 -c synchronous_commit=on",
        },
    }
    reader = create_engine(url, pool_size=writers, max_overflow=writers, isolation_level="REPEATABLE READ", **options)
    writer = create_engine(url, pool_size=writers, max_overflow=0, **options)
    spare = create_engine(url, pool_size=1, max_overflow=0, isolation_level="AUTOCOMMIT", **options)
    return Database(
        url=url, reader=reader, writer=writer, spare=spare, turns=None
    )  # PostgreSQL syncs those who commit at once together


def _url(place: str | Path) -> URL:
    text = str(place)
    if "://" not in text:
        return URL.create("sqlite+pysqlite", database=str(Path(text).expanduser().absolute()))
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return URL.create("sqlite+pysqlite", database=str(Path(url.database).absolute()))
    raise Refused(
        "the ledger's database is neither a file nor the URL of a PostgreSQL database",
        slug="database-url",
        hint="Give a path (SQLite), or postgresql://USER:PASSWORD@HOST:PORT/NAME.",
    )


def _find_file(path: Path, *, make: bool, usual: bool) -> None:
    """The file, made where it is missing as its owner's alone. (SQLite gives its other files the same permissions.)

    Folders are made for the usual place alone: one that somebody has named may be a slip. Raises NotFound, Unavailable.
    """
    with opening(str(path)):
        if make and usual:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if make and not path.parent.is_dir():
            raise NotFound(
                f"there is no folder {path.parent} to make a ledger in",
                slug="no-ledger",
                hint="Make the folder, or check --database or METERIZE_DATABASE.",
            )
        try:
            os.close(os.open(path, os.O_RDWR | (os.O_CREAT if make else 0) | os.O_CLOEXEC, 0o600))
        except FileNotFoundError as error:
            raise no_ledger(str(path)) from error


_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",
    "temp_store=MEMORY",
    "wal_autocheckpoint=4000",  # pages that change often go from the log, of 16 MiB, to the file less often
)


def _sqlite(url: URL, patience: float, *, most: int = 16, writing: bool = False) -> Engine:
    engine = create_engine(
        url,
        pool_size=1 if writing else min(4, most),
        max_overflow=0 if writing else max(0, most - 4),
        pool_timeout=patience,
        connect_args={"timeout": patience, "check_same_thread": False, "cached_statements": 512},
    )

    def connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, and when they are told to
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        if not writing:
            connection.execute("PRAGMA query_only=ON")

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    return engine
