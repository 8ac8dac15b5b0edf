"""Opens a ledger: its database, brought to the newest schema."""

from __future__ import annotations

from pathlib import Path

from meterize_ledger.store.database import PATIENCE, Database, open_database
from meterize_ledger.store.migration import migrate


def open_ledger(place: str | Path | None = None, *, writers: int = 4, patience: float = PATIENCE) -> Database:
    """The ledger at a path or URL. A SQLite file is made where it is missing. Raises Refused, Unavailable."""
    database = open_database(place, writers=writers, patience=patience)
    migrate(database)
    return database
