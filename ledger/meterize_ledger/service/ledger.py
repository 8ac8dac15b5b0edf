"""Opens a ledger: its database, made where that is asked for, and brought to the newest schema."""

from __future__ import annotations

from pathlib import Path

from meterize_ledger.store.database import PATIENCE, Database, open_database
from meterize_ledger.store.failure import opening
from meterize_ledger.store.migration import migrate


def open_ledger(
    place: str | Path | None = None, *, make: bool = True, writers: int = 4, patience: float = PATIENCE
) -> Database:
    """The ledger at a path or URL, made where there is none if ``make`` says so. Raises Refused, NotFound, Unavailable."""
    database = open_database(place, make=make, writers=writers, patience=patience)
    try:
        with opening(database.name):
            migrate(database, make=make)
    except BaseException:
        database.close()
        raise
    return database
