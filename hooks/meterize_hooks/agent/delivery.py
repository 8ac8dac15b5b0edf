"""Owns one request to the ledger: bounded in time and size, and its answer as a value; nothing of HTTP is known elsewhere."""

from __future__ import annotations

import http.client
import io
import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .settings import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .settings import Settings

PATH = "/api/v1/counters"
ANSWER_BYTES = 1 << 20
TOO_LARGE, REFUSED, TOO_MANY = 413, 422, 429
UNAUTHORIZED = (401, 403)
USER_AGENT = "meterize-agent"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """All of it is durable in the ledger: what it says of each report."""

    reports: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The ledger wants smaller requests."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The ledger has taken nothing of it, and says what is wrong with it."""

    message: str
    problems: list[object] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """The token is wrong, or was revoked."""

    message: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Nobody knows whether it was taken; it is sent again."""

    message: str
    seconds: float = 0.0
    """How long the ledger asks us to wait."""


if TYPE_CHECKING:
    Answer = Confirmed | TooLarge | Refused | Unauthorized | Unavailable


class Ledger:
    """The ledger at the end of one connection, which is kept between requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        parts = urlsplit(settings.ledger)
        self._host, self._port = parts.hostname or "", parts.port
        self._path = parts.path.rstrip("/") + PATH
        self._tls = parts.scheme == "https"
        self._context: Any = None
        self._connection: _Connection | None = None
        self._is_open = True

    def deliver(self, body: bytes, seconds: float) -> Answer:
        """Send it and wait for the answer, no longer than so many seconds altogether."""
        try:
            token = self._settings.token()
        except SettingsError as error:
            return Unauthorized(str(error))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "User-Agent": USER_AGENT}
        deadline = time.monotonic() + seconds
        is_kept = self._connection is not None
        answer = self._try(body, headers, deadline)
        # A connection that rested may have been closed by the other end meanwhile: that tells nothing of the ledger.
        if isinstance(answer, Unavailable) and answer.message == _CLOSED and is_kept and self._is_open:
            answer = self._try(body, headers, deadline)
        return answer

    def cut(self) -> None:
        """Have a request that is under way in another thread fail now; no more requests."""
        self._is_open = False
        connection = self._connection
        if connection is not None:
            connection.cut()

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _try(self, body: bytes, headers: dict[str, str], deadline: float) -> Answer:
        try:
            connection = self._connect(deadline)
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            data = response.read(ANSWER_BYTES + 1)
            if response.will_close or len(data) > ANSWER_BYTES:
                self.close()
            return _understand(response.status, response.headers.get("Retry-After"), data)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            return Unavailable(_CLOSED)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return Unavailable(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)

    def _connect(self, deadline: float) -> _Connection:
        connection = self._connection
        if connection is None:
            connection = _Connection(self._host, self._port, self._tls_context)
        connection.deadline = deadline
        self._connection = connection
        if not self._is_open:
            raise ConnectionAbortedError("it was told to stop")
        return connection

    def _tls_context(self) -> Any:
        if not self._tls:
            return None
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context(cafile=self._settings.authorities)
        return self._context


_CLOSED = "the ledger closed the connection without an answer"


class _Connection(http.client.HTTPConnection):
    """A connection whose every step ends at the deadline, and which another thread may cut."""

    deadline = 0.0

    def __init__(self, host: str, port: int | None, context: Callable[[], Any]) -> None:
        self._context = context()
        super().__init__(host, port or (443 if self._context else 80))
        self._raw: socket.socket | None = None
        self.response_class = self._response  # type: ignore[assignment] # http.client calls it, whatever it is

    def connect(self) -> None:
        """As ``socket.create_connection``, but the socket is known before it is connected."""
        last: OSError = OSError("the name of the ledger's host leads nowhere")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            raw = socket.socket(family, kind, protocol)
            self._raw = raw
            try:
                raw.settimeout(self._left())
                raw.connect(address)
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sock = self._context.wrap_socket(raw, server_hostname=self.host) if self._context else raw
            except OSError as error:
                raw.close()
                last = error
            else:
                return
        raise last

    def send(self, data: Any) -> None:
        """All of it; the timeout of ``sendall`` is for the whole."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self._left())
        self.sock.sendall(data)

    def cut(self) -> None:
        """Wake whoever waits for it, with an error."""
        for each in (self._raw, self.sock):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the ledger did not answer in time")
        return left

    def _response(self, sock: socket.socket, **keywords: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Readable(sock, self._left), **keywords)  # type: ignore[arg-type]


class _Readable:
    """What HTTPResponse asks of a socket: a file, here one that ends at the deadline however slowly bytes drop in."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def makefile(self, _mode: str) -> io.BufferedReader:
        """To read from."""
        return io.BufferedReader(_Drops(self._sock, self._left))


class _Drops(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._left())
        return self._sock.recv_into(buffer)


def _understand(status: int, retry_after: str | None, data: bytes) -> Answer:
    document = _document(data)
    if status == http.HTTPStatus.OK:
        reports = document.get("reports")
        if isinstance(reports, list) and all(isinstance(each, dict) for each in reports):
            return Confirmed(reports)
        return Unavailable("it answers, but not as a ledger does: check its address")
    error = document.get("error")
    error = error if isinstance(error, dict) else {}
    message = " ".join(str(error.get("message") or f"HTTP {status}").split())[:300]
    if status == TOO_LARGE:
        return TooLarge()
    if status in (400, REFUSED):
        problems = error.get("problems")
        return Refused(message, problems if isinstance(problems, list) else [])
    if status in UNAUTHORIZED:
        return Unauthorized(message)
    return Unavailable(message, _seconds(retry_after) if status in (TOO_MANY, 503) else 0.0)


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _seconds(text: str | None) -> float:
    try:
        return min(max(float(text or 0), 0.0), 3600.0)
    except ValueError:  # a date: too seldom to read
        return 0.0
