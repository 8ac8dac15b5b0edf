"""What the ledger takes in a second, and how long a question takes, beside the disk and the bare database in the same run.

    python benchmarks/ledger.py                     ingest on SQLite, questions at 10 million uses
    python benchmarks/ledger.py --postgresql URL    the same on an empty PostgreSQL database
    python benchmarks/ledger.py --uses 1000000 --rounds 3 --only ingest

Ingest is durable: each batch is one transaction, synced to disk. Rows are counters that have grown, as an agent sends them; a
fifth of them are new ones. "Over HTTP" is a real server in a process of its own, whose client waits for each answer before it
sends the next batch; "8 over HTTP" are eight such clients, of one source. `ledger_raw.py` says what this is compared with.
"""

from __future__ import annotations

import argparse
import gc
import http.client
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from ledger_raw import Bare, to_file

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
CLIENTS = 8
HEADS = ("batch", "append + fdatasync", "bare table", "same tables", "ledger", "over HTTP", "8 over HTTP", "ledger / bare",
         "ledger / same tables", "CPU of a row, µs: bare", "same tables", "ledger")  # fmt: skip


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


def to_ledger(database: Database, reports: list[Report]) -> tuple[float, float]:
    """Record each batch, called in this process; seconds, and seconds of CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    for report in reports:
        (taken,) = take_reports(database, "bench", [report])
        assert taken.recorded == len(report.counters)
    return time.perf_counter() - began, time.process_time() - cpu


def over_http(url: str, token: str, reports: list[Report], clients: int = 1) -> float:
    """Send each batch over one connection a client, and wait for its answer; seconds."""
    bodies = [msgspec.json.encode({"reports": [report]}) for report in reports]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(which: int) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        for body in bodies[which::clients]:
            connection.request("POST", "/api/v1/counters", body, headers)
            response = connection.getresponse()
            assert response.status == 200, response.read()
            response.read()

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, range(clients)))
    return time.perf_counter() - began


def ingest(place: str | None, rounds: int, folder: Path) -> None:
    """The table of rows a second: medians of rounds that take all ways in turn; ratios are medians of those within a round."""
    database, bare = open_ledger(place or folder / "ledger.db"), Bare(place, folder)
    if not place:
        open_ledger(bare.file).close()
    token = make_source_token(database, "bench")[1]
    server, url = serve(str(place or folder / "ledger.db"))
    sent = 0
    print("|", " | ".join(HEADS), "|\n|", "---:|" * len(HEADS), sep="")
    for size in BATCHES:
        total = {1: 200, 100: 5_000, 1000: 20_000, 10_000: 50_000}[size]
        speed: dict[str, list[float]] = {}
        cpu: dict[str, list[float]] = {}
        for _ in range(rounds):
            given = [list(batches(size, total)) for _ in range(5)]
            gc.collect()
            gc.freeze()  # what is sent is the sender's, and must not be looked through by the collector meanwhile
            ways: dict[str, Callable[[list[Report]], float | tuple[float, float]]] = {
                "bare": bare.one_table,
                "same": bare.same_tables,
                "ledger": lambda reports: to_ledger(database, reports),
                "http": lambda reports: over_http(url, token, reports),
                "many": lambda reports: over_http(url, token, sorted(reports, key=lambda r: r.counters[0].total), CLIENTS),
            }
            speed.setdefault("file", []).append(total / to_file(folder, given[0]))
            for (name, way), reports in zip(ways.items(), given, strict=True):
                took = way(reports)
                if isinstance(took, tuple):
                    cpu.setdefault(name, []).append(took[1] / total * 1e6)
                    took = took[0]
                speed.setdefault(name, []).append(total / took)
            sent += 3 * total
            gc.unfreeze()
        rates = [f"{statistics.median(speed[name]):,.0f}" for name in ("file", *ways)]
        shares = [statistics.median(a / b for a, b in zip(speed["ledger"], speed[to], strict=True)) for to in ("bare", "same")]
        costs = [f"{statistics.median(cpu[name]):.1f}" for name in ("bare", "same", "ledger")]
        print("|", " | ".join([f"{size:,}", *rates, *(f"{share:.2f}×" for share in shares), *costs]), "|", flush=True)
    status = Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    server.terminate()
    server.wait()
    begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    rows = answer(database, Question(start=begin, end=begin + timedelta(days=2), zone=ZoneInfo("UTC"), by=("host",))).rows
    found = sum(row.uses for row in rows if row.group == ("h1",))  # on PostgreSQL "the same tables" are in the same database
    print(
        f"\nThe server's memory, at its highest: {int(peak) // 1024} MiB. Sent {sent:,} uses, recorded {found:,}.", flush=True
    )
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
    """The table of seconds a question takes.

    The uses come as 48,000 counts, each of some 208: 20 features, 100 subjects, 24 hours. Questions read sums by hour and
    account alone, of which there are as many as if each use had come by itself; records, which they never read, are fewer.
    """
    database = open_ledger(place or folder / "many.db")
    make_source_token(database, "questions")
    begin = datetime(2026, 10, 1, tzinfo=UTC)
    width = FEATURES * 100
    began = time.perf_counter()
    for hour in range(HOURS):
        counters = tuple(
            Counter(hook=f"p/q{row % FEATURES}/1", feature=f"q{row % FEATURES}", package="p", policy="every",
                    subject=f"s{row // FEATURES}", total=uses // width * (hour + 1) // HOURS)
            for row in range(width)
        )  # fmt: skip
        seen = begin + timedelta(hours=hour)
        whole = Report(incarnation="0" * 8, host="h", pid=1, started=begin, seen=seen, counters=counters)
        take_reports(database, "questions", [whole])
    end = begin + timedelta(days=30)
    total = answer(database, Question(start=begin, end=end, zone=ZoneInfo("UTC"))).total
    print(f"\n{total:,} uses in {width * HOURS:,} sums, recorded in {time.perf_counter() - began:.0f} s\n")
    utc, kolkata = ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata")
    asked = {
        "by feature, subject, hour": Question(start=begin, end=end, zone=utc, by=("feature", "subject"), unit="hour"),
        "by feature and day in Kolkata": Question(start=begin, end=end, zone=kolkata, by=("feature",), unit="day"),
        "one subject, by feature": Question(start=begin, end=end, zone=utc, by=("feature",), subjects=("s7",)),
        "top 10 subjects, and the month before": Question(
            start=begin, end=end, zone=utc, by=("subject",), top=10, compare=True
        ),
    }
    print("| question | rows | s | CPU here, s |\n|---|---:|---:|---:|")
    for name, question in asked.items():
        times, cpus = [], []
        for _ in range(9):
            clock, cpu = time.perf_counter(), time.process_time()
            found = answer(database, question)
            times.append(time.perf_counter() - clock)
            cpus.append(time.process_time() - cpu)
        spread = f"{statistics.median(times):.3f} ({min(times):.3f} to {max(times):.3f})"
        print(f"| {name} | {len(found.rows):,} | {spread} | {statistics.median(cpus):.3f} |", flush=True)
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
    print(f"\nThis process's memory, at its highest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
