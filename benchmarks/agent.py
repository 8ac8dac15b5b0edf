"""What the agent takes for 1,000 processes: time and CPU of a round, memory, delay from use to ledger.

The files are real ones, whose locks this process holds; the ledger is a real HTTP server in a process of its own that answers
at once, so that the figures are the agent's.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.agents.files import Process  # noqa: E402

LEDGER = """
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        reports = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["reports"]
        data = json.dumps({"reports": [{"incarnation": r["incarnation"], "counters": len(r["counters"]), "recorded": 0}
                                       for r in reports]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
SETTLED_ROUNDS = 12


def small(folder: Path, number: int, rows: int) -> Process:
    """A process's files; this process holds their locks."""
    process = Process(folder)
    for slot in range(3):
        process.hook(slot, f"feature-{slot}")
    for row in range(2, rows):
        process.subject(row, f"tenant-{row}")
    for row in range(rows):
        if row != 1:
            process.use(number % 3, row, number + 1)
    return process


class Measured:
    """An agent, and what it says of itself."""

    def __init__(self, spool: Path, port: int) -> None:
        environ = {**os.environ, "METERIZE_TOKEN": "t", "PYTHONPATH": str(ROOT / "hooks")}
        command = [sys.executable, "-S", "-m", "meterize_hooks.agent", "--ledger", f"http://127.0.0.1:{port}", "--spool", spool]
        self._process = subprocess.Popen([*map(str, command), "--metrics", "0"], env=environ, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        [self._port] = re.findall(r":(\d+)$", self._process.stderr.readline().strip())

    def now(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        return {name: float(value) for name, value in re.findall(r"^meterize_agent_(\w+) (\S+)$", text, re.MULTILINE)}

    def until(self, name: str, value: float) -> dict[str, float]:
        while (now := self.now())[name] < value:
            time.sleep(0.02)
        return now

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)


def measure(processes: int, rows: int, port: int, changing: float) -> dict[str, float]:
    """All at first, then rounds in which that part of the processes has changed."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        spool = Path(folder) / "spool"
        files = []
        for number in range(processes):
            process = small(spool, number, rows)
            files.append(process)
        agent = Measured(spool, port)
        began = agent.until("rounds_total", 1)
        counters = began["counters_confirmed_total"]
        first, rounds = dict(began), began["rounds_total"]
        times = []
        for turn in range(SETTLED_ROUNDS):
            for process in files[: int(processes * changing)]:
                process.use(0, 0, 1)
            now = agent.until("rounds_total", rounds + turn + 1)
            times.append(now["round_seconds"])
        cpu = (now["cpu_seconds_total"] - first["cpu_seconds_total"]) / (now["rounds_total"] - first["rounds_total"])
        agent.end()
        for process in files:
            process.close()
    return {
        "counters": counters,
        "first round s": first["round_seconds"],
        "round s": statistics.median(times),
        "CPU of a round s": cpu,
        "memory MiB": now["resident_bytes"] / 2**20,
    }


def delays(port: int, uses: int) -> list[float]:
    """Seconds from a use to the ledger's answer, of single uses at random moments; one process, the default pause."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        process = small(Path(folder) / "spool", 0, 2)
        agent = Measured(Path(folder) / "spool", port)
        agent.until("rounds_total", 1)
        found = []
        for number in range(uses):
            time.sleep(number * 0.37 % 1.1)
            before = agent.now()["counters_confirmed_total"]
            process.use()
            began = time.monotonic()
            agent.until("counters_confirmed_total", before + 1)
            found.append(time.monotonic() - began)
        agent.end()
        process.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=1000)
    parser.add_argument("--uses", type=int, default=40, help="for the delay")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    ledger = subprocess.Popen([sys.executable, "-c", LEDGER], stdout=subprocess.PIPE, text=True)
    assert ledger.stdout is not None
    port = int(ledger.stdout.readline())
    rows = []
    try:
        for subjects, changing in ((2, 0.0), (2, 0.1), (2, 1.0), (100, 0.0), (100, 1.0)):
            found = measure(options.processes, subjects, port, changing)
            rows.append({"subjects": subjects - 1, "changing": changing, **found})
        delay = delays(port, options.uses)
    finally:
        ledger.kill()
        ledger.wait()
    cuts = statistics.quantiles(delay, n=100)
    if options.json:
        print(json.dumps({"rows": rows, "delay_p50": cuts[49], "delay_p99": cuts[98]}, indent=2))
        return
    table = Table(title=f"{options.processes:,} processes, 3 hooks each, a round a second")
    for name in rows[0]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(f"{value:,.0f}" if value == int(value) else f"{value:,.3f}" for value in row.values()))
    Console().print(table)
    print(f"from use to ledger, pause of 1 s: p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s ({len(delay)} uses)")


if __name__ == "__main__":
    main()
