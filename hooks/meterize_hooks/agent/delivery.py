"""Owns one request to the ledger: bounded in time and size, and its answer as a value; nothing of HTTP is known elsewhere."""

from __future__ import annotations

import http.client
import json
import time
from contextlib import suppress
from urllib.parse import urlsplit

from .answers import Confirmed, Refused, TooLarge, Unauthorized, Unavailable
from .connection import Connection
from .reasons import Reasons
from .settings import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .answers import Answer
    from .settings import Settings

PATH = "/api/v1/counters"
ANSWER_BYTES = 1 << 20
BAD, TOO_LARGE, REFUSED, TOO_MANY, BUSY = 400, 413, 422, 429, 503
UNAUTHORIZED = (401, 403)
USER_AGENT = "meterize-agent"


class Ledger:
    """The ledger at the end of one connection, which is kept between requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reasons = Reasons(settings)
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
            return Unauthorized(f"{error}. {error.hint_here(in_process=self._settings.in_process)}")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "User-Agent": USER_AGENT}
        deadline = time.monotonic() + seconds
        is_kept = self._connection is not None
        answer = self._try(body, headers, token, deadline)
        # A connection that rested may have been closed by the other end meanwhile: that tells nothing of the ledger.
        if isinstance(answer, Unavailable) and answer.is_closed and is_kept and self._is_open:
            answer = self._try(body, headers, token, deadline)
        self._reasons.has_answered |= not isinstance(answer, Unavailable)
        return answer

    @property
    def is_cut(self) -> bool:
        """No more requests: what they end with says nothing of the ledger."""
        return not self._is_open

    def stranger(self, what: str) -> Unavailable:
        """Something that no ledger answers."""
        return self._reasons.stranger(what)

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

    def _try(self, body: bytes, headers: dict[str, str], token: str, deadline: float) -> Answer:
        try:
            connection = self._connect(deadline)
        except OSError as error:
            return self._reasons.no_authorities(error)
        try:
            if not self._is_open:
                raise ConnectionAbortedError("it was told to stop")
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            data = response.read(ANSWER_BYTES + 1)
            if response.will_close or len(data) > ANSWER_BYTES:
                self.close()
            return self._understand(response, data, token)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            return self._reasons.error(error)

    def _understand(self, response: http.client.HTTPResponse, data: bytes, token: str) -> Answer:
        status, headers, document = response.status, response.headers, _document(data)
        if status == http.HTTPStatus.OK:
            reports = document.get("reports")
            if isinstance(reports, list) and all(isinstance(each, dict) for each in reports):
                return Confirmed(reports)
            return self.stranger("its answer is of another form")
        said = document.get("error")
        error = said if isinstance(said, dict) else {}
        # What a server says back may hold what it was sent.
        message = _plain(str(error.get("message") or f"HTTP {status}"), token)
        if status == TOO_LARGE:
            return TooLarge()
        if status in (BAD, REFUSED) and error:
            problems = error.get("problems")
            return Refused(message, problems if isinstance(problems, list) else [])
        if status in UNAUTHORIZED:
            return self._reasons.token(str(error.get("slug")), message)
        seconds = _seconds(headers.get("Retry-After")) if status in (TOO_MANY, BUSY) else 0.0
        return self._reasons.status(status, message, _plain(headers.get("Location", ""), token), seconds)

    def _connect(self, deadline: float) -> Connection:
        connection = self._connection
        if connection is None:
            connection = Connection(self._host, self._port, self._tls_context)
        connection.deadline = deadline
        self._connection = connection
        return connection

    def _tls_context(self) -> Any:
        if not self._tls:
            return None
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context(cafile=self._settings.authorities)
        return self._context


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _plain(text: str, token: str) -> str:
    return " ".join(text.replace(token, "…").split())[:300]


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:  # a date: too seldom to read
        return 0.0
    return min(seconds, 3600.0) if seconds > 0 else 0.0  # NaN is not
