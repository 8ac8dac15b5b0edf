"""Owns one request to the ledger: bounded in time and size, and its answer as a value; nothing of HTTP is known elsewhere."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .connection import Connection
from .settings import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        self._connection: Connection | None = None
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

    def _connect(self, deadline: float) -> Connection:
        connection = self._connection
        if connection is None:
            connection = Connection(self._host, self._port, self._tls_context)
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
        seconds = float(text or 0)
    except ValueError:  # a date: too seldom to read
        return 0.0
    return min(seconds, 3600.0) if seconds > 0 else 0.0  # NaN is not
