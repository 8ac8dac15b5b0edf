"""One server on a SQLite file: a lock beside it, which goes with the process that holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meterize_ledger.errors import Unavailable

from .database import Database
from .failure import opening


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """As long as it lasts no other server opens the file; commands do. PostgreSQL has as many servers as one likes.

    The lock's file stays: whoever took it away might take it from under another one. Raises Unavailable.
    """
    if not database.is_sqlite:
        yield
        return
    path = Path(os.path.realpath(str(database.url.database)) + "-serving")
    with opening(str(path)):
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(
                f"another server has the ledger {database.name}",
                slug="ledger-served",
                hint="End that one first, or use PostgreSQL, which several servers may share.",
            ) from error
        yield
    finally:
        os.close(number)
