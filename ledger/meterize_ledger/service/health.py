"""How the ledger is: whether its database answers, and what processes say they could not count."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from meterize_ledger.store.database import Database
from meterize_ledger.store.losses import Lost, list_losses


def ping(database: Database) -> None:
    """Raises Unavailable where the database does not answer."""
    with database.looking() as connection:
        connection.execute(text("SELECT 1"))


def losses(database: Database) -> Sequence[Lost]:
    """What was not metered, by reason, place and source."""
    with database.reading() as connection:
        return list_losses(connection)
