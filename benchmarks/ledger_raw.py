"""What the ledger's ingest is compared with: a file that is synced, one bare table, and the ledger's own tables without it.

"The same tables" are those of the ledger, with all of their indexes and foreign keys, filled through the driver's executemany
with rows that were made beforehand: as many inserts, updates and upserts as the ledger does, and no look-up, digest or JSON.
SQLite has the ledger's settings.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meterize_ledger.model.report import Report
from meterize_ledger.model.time import HOUR, micros

Rows = list[tuple[Any, ...]]
COLUMNS = "id TEXT PRIMARY KEY, feature TEXT, package TEXT, subject TEXT, host TEXT, time TEXT, uses BIGINT"
PROCESS = """INSERT INTO processes (id, incarnation, source_id, host, pid, started, seen, final) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (incarnation) DO UPDATE SET seen = excluded.seen"""
COUNTER = "INSERT INTO counters (id, key, process_id, account_id, hook, policy, total) VALUES (?, ?, ?, ?, ?, ?, ?)"
RECORD = """INSERT INTO records (source_id, seq, kind, account_id, counter_id, total, uses, time, received, salt, link)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
HOUR_SUM = """INSERT INTO hourly (hour, account_id, q0, q1, q2, q3) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (hour, account_id) DO UPDATE SET q0 = hourly.q0 + excluded.q0, q1 = hourly.q1 + excluded.q1,
    q2 = hourly.q2 + excluded.q2, q3 = hourly.q3 + excluded.q3"""
SOURCE = """INSERT INTO sources (id, name, seq, link, uses, made, sealed, sealed_link) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING"""
FILL = (
    PROCESS,
    COUNTER,
    "UPDATE counters SET total = ? WHERE id = ?",
    RECORD,
    HOUR_SUM,
    "UPDATE sources SET seq = ?, link = ?, uses = ? WHERE id = ?",
)


def to_file(folder: Path, reports: list[Report]) -> float:
    """Append and fdatasync each batch; seconds."""
    lines = [b"".join(json.dumps(row).encode() + b"\n" for row in as_rows(report)) for report in reports]
    number = os.open(folder / "appended", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    began = time.perf_counter()
    for line in lines:
        os.write(number, line)
        os.fdatasync(number)
    took = time.perf_counter() - began
    os.close(number)
    return took


def as_rows(report: Report) -> Rows:
    """What the ledger records of a report, as one bare table would hold it."""
    seen = report.seen.isoformat()
    return [
        (f"{report.incarnation}:{each.hook}:{each.subject}:{each.total - 1}-{each.total}", each.feature, each.package,
         each.subject, report.host, seen, 1)
        for each in report.counters
    ]  # fmt: skip


class Bare:
    """A database without the ledger: one table, and the ledger's own."""

    def __init__(self, place: str | None, folder: Path) -> None:
        self.place, self.file = place, folder / "bare.db"
        self._accounts: dict[tuple[str, str | None], int] = {}
        self._processes: dict[str, int] = {}
        self._counters = self._seq = 0

    def one_table(self, reports: list[Report]) -> tuple[float, float]:
        """Insert each batch into one table, in a transaction of its own; seconds, and seconds of CPU of this process."""
        batches = [as_rows(report) for report in reports]
        with self._opened() as run:
            run(f"CREATE TABLE IF NOT EXISTS bare ({COLUMNS})", None)
            statement = "INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
            return _timed(run, [[(statement, rows)] for rows in batches])

    def same_tables(self, reports: list[Report]) -> tuple[float, float]:
        """The same with the ledger's tables."""
        with self._opened() as run:
            names = {(c.feature, c.subject): c for report in reports for c in report.counters}
            new = [key for key in names if key not in self._accounts]
            for key in new:
                self._accounts[key] = len(self._accounts) + 1_000_000
            accounts = "INSERT INTO accounts (id, key, feature, package, subject, host) VALUES (?, ?, ?, ?, ?, ?)"
            run(accounts, [(self._accounts[key], os.urandom(16), key[0], "tablib", key[1], "raw") for key in new])
            run(SOURCE, [(1_000_000, "raw", 0, b"", 0, 0, 0, b"")])
            return _timed(run, [list(zip(FILL, self._tables(report), strict=True)) for report in reports])

    def _tables(self, report: Report) -> tuple[Rows, ...]:
        now, fresh = micros(report.seen), report.incarnation not in self._processes
        process = self._processes.setdefault(report.incarnation, len(self._processes) + 1_000_000)
        size, arrived = len(report.counters), now // HOUR
        first = self._counters + 1_000_000 + (0 if fresh else -size)
        self._counters += size if fresh else 0
        numbered = list(enumerate(report.counters, first))
        accounts = [self._accounts[each.feature, each.subject] for each in report.counters]
        place = self._seq + 1
        self._seq += size
        return (
            [(process, report.incarnation, 1_000_000, report.host, report.pid, now, now, 0)],
            [(n, os.urandom(16), process, a, each.hook, each.policy, each.total)
             for (n, each), a in zip(numbered, accounts, strict=True)] if fresh else [],
            [] if fresh else [(each.total, n) for n, each in numbered],
            [(1_000_000, place + at, "use", accounts[at], n, each.total, 1, now, now, os.urandom(16), os.urandom(32))
             for at, (n, each) in enumerate(numbered)],
            sorted((arrived, account, 1, 0, 0, 0) for account in accounts),
            [(self._seq, os.urandom(32), self._seq, 1_000_000)],
        )  # fmt: skip

    @contextmanager
    def _opened(self) -> Iterator[Callable[[str, Sequence[Any] | None], None]]:
        if self.place is None:
            connection: Any = sqlite3.connect(self.file, isolation_level=None)
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "cache_size=-65536",
                "wal_autocheckpoint=4000",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        else:
            import psycopg

            connection = psycopg.connect(self.place, autocommit=True)
        cursor = connection.cursor()

        def run(statement: str, rows: Sequence[Any] | None) -> None:
            if rows is None:
                cursor.execute(statement)
            elif rows:
                cursor.executemany(statement if self.place is None else statement.replace("?", "%s"), rows)

        yield run
        connection.close()


def _timed(run: Callable[[str, Sequence[Any] | None], None], batches: list[list[tuple[str, Rows]]]) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    for batch in batches:
        run("BEGIN", None)
        for statement, rows in batch:
            run(statement, rows)
        run("COMMIT", None)
    return time.perf_counter() - began, time.process_time() - cpu
