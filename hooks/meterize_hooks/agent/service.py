"""Owns the agent's own address: ``/health`` and ``/metrics`` over HTTP, for the machine's own eyes; off unless asked for."""

from __future__ import annotations

import json
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from .settings import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .metrics import Metrics

PATIENCE_SECONDS = 2.0


class Service:
    """Answers in a thread of its own, one request at a time, each bounded in size (http.server) and time."""

    def __init__(self, address: tuple[str, int], metrics: Metrics) -> None:
        handler = type("Handler", (_Handler,), {"metrics": metrics})
        try:
            self._server = _Server(address, handler)
        except OSError as error:
            raise SettingsError(
                f"cannot listen at {address[0]}:{address[1]}: {error.strerror}",
                slug="agent-bad-address",
                hint="Choose a free port above 1023 for --metrics, and a host that is this machine.",
            ) from error
        self.address: tuple[str, int] = self._server.server_address[:2]  # type: ignore[assignment]
        self._thread = Thread(target=self._server.serve_forever, name="meterize-agent-service", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


class _Server(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: the next request comes."""

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of our own name, which may take long; also where connections of an agent before us
        still fade away (TIME-WAIT).
        """
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "", self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    metrics: Metrics
    timeout = PATIENCE_SECONDS
    server_version = "meterize-agent"
    sys_version = ""

    def do_GET(self) -> None:
        """The two pages."""
        if self.path == "/metrics":
            self._answer(HTTPStatus.OK, "text/plain; version=0.0.4; charset=utf-8", self.metrics.text())
        elif self.path == "/health":
            is_well, what = self.metrics.health()
            self._answer(
                HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, "application/json", json.dumps(what) + "\n"
            )
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", "there are /health and /metrics\n")

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Nothing: probes come every few seconds."""
