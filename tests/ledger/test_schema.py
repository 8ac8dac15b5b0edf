"""The migrations make exactly the tables that the code speaks of, on both databases, and several openers at once do it once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.store.schema import metadata


def test_migrations_make_the_schema(ledger):
    with ledger.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_many_open_a_new_ledger_at_once(tmp_path, postgres):
    postgres.run("CREATE DATABASE fresh")
    for place in (tmp_path / "ledger.db", postgres.url("fresh")):
        with ThreadPoolExecutor(4) as pool:
            opened = list(pool.map(open_ledger, [place] * 4))
        with opened[0].reading() as connection:
            assert connection.execute(text("SELECT version_num FROM alembic_version")).all() == [("0002",)]
        for database in opened:
            database.close()
    postgres.run("DROP DATABASE fresh WITH (FORCE)")


def test_sqlite_is_durable_without_being_told(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.db")
    with ledger.writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    ledger.close()
