"""The ledger of the simulation, as docs/agent.md asks of one: ``python book.py DATABASE PORT``. It may be killed at any moment.

Highest totals, and in the same transaction the differences as records, so that totals and records can be compared at the end.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS totals (incarnation, hook, subject, total, PRIMARY KEY (incarnation, hook, subject));
CREATE TABLE IF NOT EXISTS records (id PRIMARY KEY, incarnation, hook, subject, uses);
CREATE TABLE IF NOT EXISTS finals (incarnation PRIMARY KEY);
"""


class Book:
    """The database."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path, isolation_level=None)
        # A process that is killed loses nothing that it gave to the kernel; a machine that falls is another test's.
        self.database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; {TABLES}")

    def take(self, reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answers = []
        self.database.execute("BEGIN IMMEDIATE")
        for report in reports:
            recorded = sum(self._raise(report["incarnation"], counter) for counter in report["counters"])
            if report["final"]:
                self.database.execute("INSERT OR IGNORE INTO finals VALUES (?)", [report["incarnation"]])
            answers.append({"incarnation": report["incarnation"], "counters": len(report["counters"]), "recorded": recorded})
        self.database.execute("COMMIT")
        return answers

    def _raise(self, incarnation: str, counter: dict[str, Any]) -> bool:
        key = (incarnation, counter["hook"], counter["subject"] or "")
        row = self.database.execute("SELECT total FROM totals WHERE (incarnation, hook, subject) = (?, ?, ?)", key).fetchone()
        have, total = (row[0] if row else 0), counter["total"]
        if total <= have:
            return False
        self.database.execute("INSERT OR REPLACE INTO totals VALUES (?, ?, ?, ?)", (*key, total))
        name = f"{':'.join(key)}:{have}-{total}"
        self.database.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", (name, *key, total - have))
        return True


class _Handler(BaseHTTPRequestHandler):
    book: Book
    protocol_version = "HTTP/1.1"
    timeout = 1.0

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = json.dumps({"reports": self.book.take(document["reports"])}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class _Server(HTTPServer):
    allow_reuse_address = True

    def handle_error(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    handler = type("Handler", (_Handler,), {"book": Book(Path(sys.argv[1]))})
    _Server(("127.0.0.1", int(sys.argv[2])), handler).serve_forever()
