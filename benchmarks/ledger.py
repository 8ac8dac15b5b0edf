"""What the ledger takes in a second, and how long a question takes, beside the disk and the bare database in the same run.

    python benchmarks/ledger.py                     ingest on SQLite, questions at 10 million uses
    python benchmarks/ledger.py --postgresql URL    the same on an empty PostgreSQL database
    python benchmarks/ledger.py --uses 1000000 --rounds 3 --only ingest

Ingest is durable: each batch is one transaction, synced to disk. Rows are counters that have grown, as an agent sends them.
"Over HTTP" is a real server in a process of its own; its client waits for each answer before it sends the next batch. The bare
database inserts the same records as text columns with their id as primary key, and knows nothing of totals, chains or hours.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from meterize_ledger.model.question import Question
from meterize_ledger.model.report import Counter, Report
from meterize_ledger.service.access import make_source_token
from meterize_ledger.service.counting import take_reports
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.service.usage import answer
from meterize_ledger.store.database import Database

BATCHES = (1, 100, 1000, 10_000)
SUBJECTS = 500
FEATURES = 20
HOURS = 24


def batches(size: int, total: int) -> Iterator[Report]:
    """Reports of one process after another, each counter of which has grown by one."""
    now = datetime.now(UTC)
    incarnation = ""
    for number in range(total // size):
        turn = number % 5
        if turn == 0:
            incarnation = str(uuid.uuid4())
        yield Report(
            incarnation=incarnation,
            host="h1",
            pid=1,
            started=now,
            seen=now,
            counters=tuple(
                Counter(
                    hook=f"tablib/f{row // SUBJECTS % FEATURES}/1",
                    feature=f"f{row // SUBJECTS % FEATURES}",
                    package="tablib",
                    policy="every",
                    subject=f"subject-{row % SUBJECTS}",
                    total=turn + 1,
                )
                for row in range(size)
            ),
        )


def as_rows(report: Report) -> list[tuple[Any, ...]]:
    """What the ledger records of a report, as a bare database would hold it."""
    seen = report.seen.isoformat()
    return [
        (f"{report.incarnation}:{each.hook}:{each.subject}:{each.total - 1}-{each.total}", each.feature, each.package,
         each.subject, report.host, seen, 1)
        for each in report.counters
    ]  # fmt: skip


COLUMNS = "id TEXT PRIMARY KEY, feature TEXT, package TEXT, subject TEXT, host TEXT, time TEXT, uses BIGINT"


def to_file(folder: Path, rows: list[list[tuple[Any, ...]]]) -> float:
    """Append and fdatasync each batch; seconds."""
    lines = [b"".join(json.dumps(row).encode() + b"\n" for row in batch) for batch in rows]
    number = os.open(folder / "appended", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    began = time.perf_counter()
    for line in lines:
        os.write(number, line)
        os.fdatasync(number)
    took = time.perf_counter() - began
    os.close(number)
    return took


def to_sqlite(folder: Path, rows: list[list[tuple[Any, ...]]]) -> float:
    """Insert each batch in a transaction of its own; seconds."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE IF NOT EXISTS bare ({COLUMNS})")
    began = time.perf_counter()
    for batch in rows:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", batch)
        connection.execute("COMMIT")
    took = time.perf_counter() - began
    connection.close()
    return took


def to_postgresql(url: str, rows: list[list[tuple[Any, ...]]]) -> float:
    """Insert each batch in a transaction of its own; seconds."""
    import psycopg

    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS bare ({COLUMNS})".encode())
        connection.commit()
        began = time.perf_counter()
        for batch in rows:
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO bare VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING", batch)
            connection.commit()
        return time.perf_counter() - began


def to_ledger(database: Database, reports: list[Report]) -> float:
    """Record each batch, called in this process; seconds."""
    began = time.perf_counter()
    for report in reports:
        (taken,) = take_reports(database, "bench", [report])
        assert taken.recorded == len(report.counters)
    return time.perf_counter() - began


def over_http(url: str, token: str, reports: list[Report]) -> float:
    """Send each batch over one connection, and wait for its answer; seconds."""
    import http.client

    import msgspec

    bodies = [msgspec.json.encode({"reports": [report]}) for report in reports]
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    began = time.perf_counter()
    for body in bodies:
        connection.request("POST", "/api/v1/counters", body, headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()
    return time.perf_counter() - began


def ingest(place: str | None, rounds: int, folder: Path) -> None:
    """The table of rows a second."""
    database = open_ledger(place or folder / "ledger.db")
    token = make_source_token(database, "bench")[1]
    server, url = serve(str(place or folder / "ledger.db"))
    print(f"{'batch':>7} {'append+fdatasync':>17} {'bare database':>14} {'ledger':>10} {'over HTTP':>10} {'ledger/bare':>12}")
    for size in BATCHES:
        total = max(200 if size == 1 else 20_000, size * 5)
        seen: dict[str, list[float]] = {}
        for _ in range(rounds):  # interleaved: whatever else the machine does hits all of them
            own, sent = list(batches(size, total)), list(batches(size, total))
            rows = [as_rows(report) for report in own]
            gc.collect()
            gc.freeze()  # what is sent is the sender's, and must not be looked through by the collector meanwhile
            ways: dict[str, Callable[[], float]] = {
                "file": lambda rows=rows: to_file(folder, rows),  # type: ignore[misc]
                "bare": lambda rows=rows: to_postgresql(place, rows) if place else to_sqlite(folder, rows),  # type: ignore[misc]
                "ledger": lambda own=own: to_ledger(database, own),  # type: ignore[misc]
                "http": lambda sent=sent: over_http(url, token, sent),  # type: ignore[misc]
            }
            for name, way in ways.items():
                seen.setdefault(name, []).append(total / way())
            gc.unfreeze()
        rate = {name: statistics.median(values) for name, values in seen.items()}
        share = statistics.median(a / b for a, b in zip(seen["ledger"], seen["bare"], strict=True))
        cells = (f"{rate['file']:>17,.0f}", f"{rate['bare']:>14,.0f}", f"{rate['ledger']:>10,.0f}", f"{rate['http']:>10,.0f}")
        print(f"{size:>7}", *cells, f"{share:>11.2f}×")
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"server's memory, at its highest: {int(peak) // 1024} MiB")
    server.terminate()
    server.wait()
    database.close()


def serve(place: str) -> tuple[subprocess.Popen[str], str]:
    words = ["ledger", "serve", "--json", "--port", "0", "--rate", "1000000", "--database", place]
    server = subprocess.Popen([sys.executable, "-m", "meterize", *words], stdout=subprocess.PIPE, text=True)
    assert server.stdout
    lines = ""
    while not lines.endswith("}\n"):
        lines += server.stdout.readline()
    return server, json.loads(lines)["url"]


def questions(place: str | None, uses: int, folder: Path) -> None:
    """The table of seconds a question takes. The uses are recorded as events of one use each would be: one record for each."""
    database = open_ledger(place or folder / "many.db")
    make_source_token(database, "bench")
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    width = FEATURES * 100
    began = time.perf_counter()
    sent = turn = 0
    while sent < uses:
        seen = begin + timedelta(seconds=turn * HOURS * 3600 * width / uses)
        counters = [
            Counter(
                hook=f"p/f{row % FEATURES}/1", feature=f"f{row % FEATURES}", package="p", policy="every",
                subject=f"s{row // FEATURES}", total=turn + 1,
            )
            for row in range(min(width, uses - sent))
        ]  # fmt: skip
        incarnation = f"00000000-0000-7000-8000-{turn // 1000:012}"
        take_reports(
            database,
            "bench",
            [Report(incarnation=incarnation, host="h", pid=1, started=begin, seen=seen, counters=tuple(counters))],
        )
        sent += len(counters)
        turn += 1
    took = time.perf_counter() - began
    print(f"\n{sent:,} records in {took:.0f} s ({sent / took:,.0f} a second, batches of {width:,})")
    end = begin + timedelta(days=30)
    asked = {
        "feature, subject, hour": Question(start=begin, end=end, zone=ZoneInfo("UTC"), by=("feature", "subject"), unit="hour"),
        "feature, day in Kolkata": Question(start=begin, end=end, zone=ZoneInfo("Asia/Kolkata"), by=("feature",), unit="day"),
        "one subject, by feature": Question(start=begin, end=end, zone=ZoneInfo("UTC"), by=("feature",), subjects=("s7",)),
        "top 10 subjects, before": Question(start=begin, end=end, zone=ZoneInfo("UTC"), by=("subject",), top=10, compare=True),
    }
    for name, question in asked.items():
        times = []
        for _ in range(7):
            began = time.perf_counter()
            found = answer(database, question)
            times.append(time.perf_counter() - began)
        print(f"{name:<26} {len(found.rows):>7,} rows {statistics.median(times):>8.3f} s   total {found.total:,}")
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--postgresql", metavar="URL", help="an empty database")
    parser.add_argument("--uses", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("ingest", "questions"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        if given.only != "questions":
            ingest(given.postgresql, given.rounds, Path(name))
        if given.only != "ingest":
            questions(given.postgresql, given.uses, Path(name))
    print(f"this process's memory, at its highest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
