"""The ledgers of the simulation: how one is started, and what is in it at the end."""

from __future__ import annotations

import sqlite3
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent

Key = tuple[str, str, str]
"""Incarnation, hook, subject."""


class SmallLedger:
    """``book.py``: the least that an agent may rely on."""

    token = "t"
    totals = "SELECT incarnation, hook, subject, total FROM totals"
    records = "SELECT incarnation, hook, subject, uses FROM records"

    def __init__(self, folder: Path) -> None:
        self.database = folder / "ledger.db"

    def command(self, port: int) -> tuple[object, ...]:
        """What runs it."""
        return ("-S", HERE / "book.py", self.database, port)

    def read(self) -> tuple[Counter[Key], Counter[Key]]:
        """Totals, and the sums of their records."""
        found: tuple[Counter[Key], Counter[Key]] = (Counter(), Counter())
        database = sqlite3.connect(self.database)
        for sums, query in zip(found, (self.totals, self.records), strict=True):
            for incarnation, hook, subject, uses in database.execute(query):
                sums[incarnation, hook, subject or ""] += uses
        database.close()
        return found


class RealLedger(SmallLedger):
    """``meterize ledger serve`` on SQLite."""

    names = "processes.incarnation, counters.hook, accounts.subject"
    joined = "JOIN processes ON processes.id = counters.process_id JOIN accounts ON accounts.id = counters.account_id"
    totals = f"SELECT {names}, counters.total FROM counters {joined}"
    records = f"SELECT {names}, records.uses FROM records JOIN counters ON counters.id = records.counter_id {joined}"

    def __init__(self, folder: Path) -> None:
        from meterize_ledger.service.access import make_source_token
        from meterize_ledger.service.ledger import open_ledger

        super().__init__(folder)
        opened = open_ledger(self.database)
        _, self.token = make_source_token(opened, "simulation")
        opened.close()

    def command(self, port: int) -> tuple[object, ...]:
        """As the command does, without the tool around it."""
        program = "import sys; from meterize_ledger.cli import ledger; ledger(sys.argv[1:])"
        return ("-c", program, "serve", "--database", self.database, "--port", port, "--rate", 100_000)


LEDGERS: dict[str, type[SmallLedger]] = {"small": SmallLedger, "real": RealLedger}


def is_installed(kind: str) -> bool:
    """Whether what that ledger is made of is here."""
    return kind == "small" or all(
        find_spec(name) for name in ("meterize_ledger", "sqlalchemy", "alembic", "uvicorn", "msgspec")
    )
