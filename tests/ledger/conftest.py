"""Ledgers on both databases, and what is sent to them."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

if any(
    importlib.util.find_spec(name) is None for name in ("sqlalchemy", "alembic", "starlette", "uvicorn", "msgspec", "psycopg")
):
    collect_ignore_glob = ["*"]
else:
    from tests.ledger.postgres import MISSING, Server, programs

    from meterize_ledger.service.access import make_source_token
    from meterize_ledger.service.ledger import open_ledger
    from meterize_ledger.store.database import Database
    from meterize_ledger.store.schema import metadata

    @pytest.fixture(scope="session")
    def postgres() -> Iterator[Server]:
        home = programs()
        if home is None:
            pytest.skip(MISSING)
        try:
            server = Server(home)
        except PermissionError:  # root may read the wheel's programs, and the user that PostgreSQL must run as may not
            pytest.skip(MISSING)
        open_ledger(server.url("postgres")).close()
        yield server
        server.remove()

    @pytest.fixture(scope="session")
    def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A file with an empty ledger."""
        path = tmp_path_factory.mktemp("made") / "ledger.db"
        open_ledger(path).close()
        return path

    @pytest.fixture(params=["sqlite", "postgresql"])
    def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
        """A path or URL where there is an empty ledger, or where there can be one."""
        if request.param == "sqlite":
            made: Path = request.getfixturevalue("made")
            yield str(shutil.copy(made, tmp_path / "ledger.db"))
            return
        server: Server = request.getfixturevalue("postgres")
        server.run(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
        yield server.url("postgres")

    @pytest.fixture
    def ledger(place: str) -> Iterator[Database]:
        """A ledger with one source, ``web``."""
        database = open_ledger(place, patience=2)
        make_source_token(database, "web")
        yield database
        database.close()
