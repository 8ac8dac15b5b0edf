"""Owns one request to the ledger: bounded in time and size; redirects are not followed, proxies not used (nor by the agent)."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Final
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from meterize.errors import MeterizeError, TargetError, UsageError

from .refusals import away, not_a_ledger, understand_refusal
from .settings import LedgerSettings

ANSWER_BYTES: Final = 64 << 20
"""The ledger answers with 100,000 rows at most, of some 100 bytes."""


def get(ledger: LedgerSettings, path: str, parameters: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """The JSON object that the ledger answers with. Raises AwayError if it does not answer now, TargetError, UsageError."""
    token = ledger.read_token()
    try:
        status, headers, body = _exchange(ledger, token, _target(ledger, path, parameters))
    except TimeoutError:
        raise away(f"the ledger at {ledger.url} did not answer within {ledger.seconds:g} s") from None
    except (http.client.RemoteDisconnected, http.client.IncompleteRead, ConnectionResetError, BrokenPipeError):
        raise away(f"{ledger.url} closed the connection without a whole answer") from None
    except OSError as error:
        raise away(f"the ledger at {ledger.url} cannot be reached ({error.strerror or error})") from None
    except (http.client.HTTPException, ValueError) as error:
        raise not_a_ledger(ledger.url, f"it speaks no HTTP ({type(error).__name__})") from None
    if len(body) > ANSWER_BYTES:
        raise TargetError(
            f"the answer of {ledger.url} is larger than {ANSWER_BYTES >> 20} MiB",
            slug="answer-too-large",
            hint="Ask for less at once: fewer words in --by, a shorter period, or --top N.",
        )
    document = _document(body)
    if status == http.HTTPStatus.OK and document is not None:
        return document
    raise _hiding(
        token, understand_refusal(ledger.url, status, {name.lower(): value for name, value in headers.items()}, document)
    )


def _target(ledger: LedgerSettings, path: str, parameters: Sequence[tuple[str, str]]) -> str:
    # Names that UTF-8 cannot say are spelled out as the ledger does.
    asked = urlencode(parameters, encoding="utf-8", errors="backslashreplace")
    prefix = quote(urlsplit(ledger.url).path, safe="/%")
    return f"{prefix}{path}{'?' if asked else ''}{asked}"


def _exchange(ledger: LedgerSettings, token: str, target: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = _connection(ledger, urlsplit(ledger.url))
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", "User-Agent": "meterize"}
    with closing(connection):
        try:
            connection.connect()
        except ssl.SSLError as error:
            raise _no_trust(ledger, getattr(error, "verify_message", "") or error.reason or str(error)) from None
        with _cut_after(ledger.seconds, connection.sock):
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            body = response.read(ANSWER_BYTES + 1)
        if response.length and len(body) <= ANSWER_BYTES:  # read(n) takes an early end for the end
            raise http.client.IncompleteRead(b"")
        return response.status, response.headers, body


def _connection(ledger: LedgerSettings, parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=ledger.seconds)
    try:
        context = ssl.create_default_context(cafile=ledger.authorities)
    except OSError as error:
        raise UsageError(
            f"no CA certificates in {ledger.authorities} ({error.strerror or error})",
            slug="ledger-ca-file",
            hint="Name a PEM file by --ca-file or METERIZE_CA_FILE, or leave both out for the system's certificates.",
        ) from None
    return http.client.HTTPSConnection(host, parts.port, timeout=ledger.seconds, context=context)


@contextmanager
def _cut_after(seconds: float, sock: socket.socket) -> Iterator[None]:
    """The timeout of a socket begins anew with each byte; this one does not. Raises TimeoutError."""
    was_late = threading.Event()

    def cut() -> None:
        was_late.set()
        with suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # SSLSocket's own would change it under the reader's feet

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if was_late.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if was_late.is_set():
        raise TimeoutError


def _no_trust(ledger: LedgerSettings, reason: str) -> TargetError:
    return TargetError(
        f"no trusted connection to {ledger.url}: {reason.replace('_', ' ').lower()}",
        slug="ledger-untrusted",
        hint="Nothing was sent. If the ledger's certificate is of an authority of your own, name that by --ca-file or "
        "METERIZE_CA_FILE; if it speaks no TLS, its URL begins with http.",
    )


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _hiding(token: str, error: MeterizeError) -> MeterizeError:
    """What a server says back may hold what it was sent."""
    error.message = error.message.replace(token, "…")
    error.args = (error.message,)
    return error
