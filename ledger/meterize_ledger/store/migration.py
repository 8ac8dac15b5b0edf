"""The schema's history, brought to its end: alembic's migrations, run where the ledger is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from meterize_ledger.errors import Refused

from .database import Database
from .failure import no_ledger

_FOLDER: Final = Path(__file__).with_name("migrations")
_LOCK: Final = 0x6D65746572697A65  # "meterize"


def migrate(database: Database, *, make: bool = True) -> None:
    """Bring the schema to its newest revision; several servers may do so at once. Raises Refused if a newer ledger made it,
    NotFound where there is no ledger and none is to be made.
    """
    script = ScriptDirectory(str(_FOLDER))
    head = script.get_current_head()
    with database.reading() as connection:
        revision = _revision(connection)
    if revision == head:
        return
    if revision is None and not make:
        raise no_ledger(database.name)
    database.write(lambda connection: _upgrade(connection, script, head, is_sqlite=database.is_sqlite))


def _upgrade(connection: Connection, script: ScriptDirectory, head: str | None, *, is_sqlite: bool) -> None:
    if not is_sqlite:  # SQLite's writer has the file to itself
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    revision = _revision(connection)
    if revision == head:
        return
    known = {entry.revision for entry in script.walk_revisions()}
    if revision is not None and revision not in known:
        raise Refused(
            f"this ledger was made by a newer meterize (its schema is {revision})",
            slug="ledger-newer",
            hint="Open it with that version, or a later one.",
        )
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
