"""A ledger as small as one can be, over real HTTP: it keeps the highest totals, and misbehaves as it is told."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "mz_a-token"


class LedgerStub:
    """``faults`` are callables that get the handler and the parsed body; True: they have dealt with the request."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.totals: dict[tuple[str, str, str | None], int] = {}
        self.losses: dict[tuple[str, str], int] = {}
        self.finals: set[str] = set()
        self.requests: list[dict[str, Any]] = []
        """But for those that ask for nothing and only greet."""
        self.greetings = 0
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.faults: list[Callable[[Any, dict[str, Any]], bool]] = []
        self.always: Callable[[Any, dict[str, Any]], bool] | None = None
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stub": self}))
        self.server.daemon_threads = True
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if context else "http"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}"

    def by(self, name: str = "feature") -> Counter[str]:
        found: Counter[str] = Counter()
        for (_, hook, subject), total in self.totals.items():
            found[hook.split("/")[1] if name == "feature" else str(subject)] += total
        return found

    @property
    def total(self) -> int:
        return sum(self.totals.values())

    def take(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        answers = []
        with self.lock:
            for report in document["reports"]:
                recorded = 0
                for each in report["counters"]:
                    key = (report["incarnation"], each["hook"], each["subject"])
                    recorded += each["total"] > self.totals.get(key, 0)
                    self.totals[key] = max(self.totals.get(key, 0), each["total"])
                for each in report["losses"]:
                    self.losses[report["incarnation"], each["reason"]] = each["total"]
                if report["final"]:
                    self.finals.add(report["incarnation"])
                answers.append(
                    {"incarnation": report["incarnation"], "counters": len(report["counters"]), "recorded": recorded}
                )
        return answers

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    stub: LedgerStub
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        document = json.loads(body)
        self.stub.bodies.append(body)
        if document["reports"]:
            self.stub.requests.append(document)
        else:
            self.stub.greetings += 1
        self.stub.heads.append(dict(self.headers))
        fault = self.stub.faults.pop(0) if self.stub.faults else self.stub.always
        if fault is not None and fault(self, document):
            return
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer(401, {"error": {"slug": "no-such-token", "message": "no such token", "hint": ""}})
        else:
            self.answer(200, {"reports": self.stub.take(document)})

    def answer(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def reset(self) -> None:
        """Cut the connection, so that the other end gets a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


def status(number: int, document: object = None, **headers: str) -> Callable[[Any, dict[str, Any]], bool]:
    """Answer so, once."""

    def fault(handler: Any, _: dict[str, Any]) -> bool:
        handler.answer(number, {"error": {"message": f"status {number}"}} if document is None else document, headers)
        return True

    return fault


def cut_before(handler: Any, _: dict[str, Any]) -> bool:
    """Take nothing, answer nothing."""
    handler.reset()
    return True


def cut_after(handler: Any, document: dict[str, Any]) -> bool:
    """Take it, and be cut in the middle of the answer."""
    handler.stub.take(document)
    handler.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"repo')
    handler.wfile.flush()
    handler.reset()
    return True
