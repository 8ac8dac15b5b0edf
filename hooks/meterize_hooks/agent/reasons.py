"""Owns the sentences that say why the ledger is not to be had: each with the address, and what to do; no number of an error."""

from __future__ import annotations

import http.client
import socket

from .answers import BUSY, STRANGER, UNTRUSTED, Unauthorized, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .settings import Settings

A_TOKEN = "`meterize ledger token add --source NAME`"  # noqa: S105 - a command
TLS_MODULES = ("ssl", "_ssl")
"""Where its exceptions are from; there are Pythons without."""
NO_TLS = ("WRONG_VERSION", "HTTP_REQUEST", "RECORD_LAYER", "PACKET_LENGTH")
"""What OpenSSL, in its versions, says of an answer that is none of TLS."""
TLS_ALERT = "\x15\x03"
"""How the answer of a server begins that speaks TLS and was sent something else."""


class Reasons:
    """What may be wrong with one ledger's address, token and certificate."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.ledger
        self._is_tls = settings.ledger.startswith("https:")
        self._authorities = settings.authorities
        self._ca_file = "METERIZE_CA_FILE" if settings.in_process else "--ca-file"
        self.has_answered = False
        """A ledger was there before: its address is right."""

    def error(self, error: Exception) -> Unavailable:
        """Why there was no answer."""
        is_tls = type(error).__module__ in TLS_MODULES
        if is_tls and (getattr(error, "verify_message", None) or not self.has_answered):
            return Unavailable(self._no_tls(error), kind=UNTRUSTED)
        if is_tls or isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
            return Unavailable(self._closed(), is_closed=True)
        if isinstance(error, http.client.BadStatusLine) and str(error).startswith(TLS_ALERT):
            return Unavailable(f"{self._url} speaks TLS: its URL is {self._swapped()}", kind=STRANGER)
        if isinstance(error, http.client.IncompleteRead):
            return Unavailable(f"{self._url} closed the connection in the middle of an answer")
        if isinstance(error, OSError):
            return Unavailable(self._unreachable(error))
        return Unavailable(f"what answers at {self._url} speaks no HTTP: is that the ledger's address?", kind=STRANGER)

    def no_authorities(self, error: OSError) -> Unavailable:
        """The file of CA certificates is of no use."""
        is_tls = type(error).__module__ in TLS_MODULES
        why = "" if is_tls else _plain(error.strerror or "")
        return Unavailable(
            f"there are no CA certificates to be read in {self._authorities}{f' ({why})' if why else ''}: "
            f"name a PEM file by {self._ca_file}",
            kind=UNTRUSTED,
        )

    def token(self, slug: str, message: str) -> Unauthorized:
        """Why it does not open the ledger."""
        remedy = f"{A_TOKEN} makes one that it does"
        if slug == "scope-missing":
            remedy = f"a source's token is needed: {A_TOKEN}"
        return Unauthorized(f"the ledger at {self._url} does not accept the token: {message}; {remedy}")

    def status(self, status: int, message: str, location: str, seconds: float) -> Unavailable:
        """Why there was an answer that is none."""
        if status == http.HTTPStatus.TOO_MANY_REQUESTS:
            return Unavailable(f"the ledger at {self._url} asks to wait: {message}", seconds, BUSY)
        if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            return Unavailable(f"the ledger at {self._url} cannot answer: {message}; see what it says itself", seconds)
        if 300 <= status < 400:
            there = f"{self._url} sends everybody on to {location or 'elsewhere'}, which is not followed"
            return Unavailable(f"{there}: give the ledger's own URL", kind=STRANGER)
        if status == http.HTTPStatus.NOT_FOUND:
            base = self._url.partition("/api")[0]
            remedy = f"is it {base}, without /api/…?" if base != self._url else "give it as far as /api/…, without that"
            return Unavailable(f"there is no ledger at {self._url} (HTTP {status}): {remedy}", kind=STRANGER)
        return self.stranger(f"HTTP {status}")

    def stranger(self, what: str) -> Unavailable:
        """Somebody else answers."""
        http_too = "" if self._is_tls else "; if it speaks TLS there, its URL begins with https"
        hint = http_too if what == "HTTP 400" else ""
        return Unavailable(f"what answers at {self._url} is no ledger ({what}): check the URL{hint}", kind=STRANGER)

    def _unreachable(self, error: OSError) -> str:
        if isinstance(error, ConnectionRefusedError):
            return f"nobody listens at {self._url}: is the ledger running there?"
        if isinstance(error, socket.gaierror):
            return f"the host of {self._url} is unknown here: is the URL right, and the name service there?"
        if isinstance(error, TimeoutError):
            return f"{self._url} did not answer in time: is the ledger running there, and may this machine reach it?"
        why = _plain(error.strerror or str(error) or type(error).__name__)
        return f"{self._url} cannot be reached ({why}): is the URL right, and may this machine reach it?"

    def _closed(self) -> str:
        closed = f"{self._url} closed the connection without an answer"
        if self.has_answered:
            return f"{closed}: is the ledger still running there?"
        return f"{closed}: is it a ledger?" if self._is_tls else f"{closed}: is it {self._swapped()}?"

    def _no_tls(self, error: Exception) -> str:
        verdict = str(getattr(error, "verify_message", "") or "").rstrip(".")
        if verdict:
            return (
                f"the certificate of {self._url} does not fit ({_plain(verdict)}), and nothing was sent: "
                f"if it is of an authority of your own, name that by {self._ca_file}"
            )
        reason = str(getattr(error, "reason", "") or "")
        if any(word in reason for word in NO_TLS):
            return f"{self._url} does not speak TLS there: is it {self._swapped()}?"
        why = _plain(reason.replace("_", " ")) or "it ended in the middle"
        return f"there is no TLS connection with {self._url} ({why}): does it speak TLS there?"

    def _swapped(self) -> str:
        scheme, _, rest = self._url.partition("://")
        return f"{'http' if scheme == 'https' else 'https'}://{rest}"


def _plain(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text.lower()
