"""Owns where the ledger is and what opens it, by the same variables as the agent has; the token is read anew each time."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from meterize.errors import UsageError

TOKEN_BYTES: Final = 4096
LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")
HOW_TO_GET_ONE: Final = "`meterize ledger token add --reader NAME` prints one, once."


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """``url`` is http or https, without ``/api/…``. ``token_file`` goes before ``token_text``, which is never shown.
    ``authorities``: a file of CA certificates to trust for https (None: the system's). ``seconds``: for one request."""

    url: str
    token_file: Path | None = None
    token_text: str = field(default="", repr=False)
    authorities: str | None = None
    seconds: float = 30.0

    @property
    def travels_in_clear(self) -> bool:
        """Whether anybody on the way could read the token."""
        parts = urlsplit(self.url)
        return parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS

    def read_token(self) -> str:
        """The token as it is now. Raises UsageError."""
        text = (self.token_text if self.token_file is None else _read_private(self.token_file)).strip()
        if not text:
            raise _no_token("there is no token to open the ledger with")
        if not all("!" <= letter <= "~" for letter in text):
            raise _no_token("the token holds what no token does")
        return text


def find_ledger(
    environ: Mapping[str, str], url: str | None = None, token_file: Path | None = None, ca_file: str | None = None
) -> LedgerSettings | None:
    """What is given, else what METERIZE_ variables say; None if nobody names a ledger. Raises UsageError."""
    named = environ.get("METERIZE_LEDGER", "") if url is None else url
    if not named and url is None:
        return None
    url = _checked_url(named)
    in_environment = environ.get("METERIZE_TOKEN_FILE", "")
    file = token_file or (Path(in_environment) if in_environment else None)
    text = environ.get("METERIZE_TOKEN", "")
    if file is not None and file.is_fifo():  # of `--token-file <(…)`, which can be read once
        text, file = _read_private(file), None
    return LedgerSettings(
        url=url,
        token_file=file,
        token_text=text,
        authorities=ca_file or environ.get("METERIZE_CA_FILE") or None,
    )


def _checked_url(text: str) -> str:
    """The URL, which is never repeated in an error: there may be a password in it."""
    try:
        parts = urlsplit(text)
        is_fine = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # UnicodeError is one
        is_fine = False
    if not is_fine or "@" in parts.netloc or parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise UsageError(
            "the ledger's URL is none that can be used",
            slug="ledger-bad-url",
            hint="It is http or https, a host, perhaps a port and a path, as in https://ledger.example.com. "
            "No password: a token is what opens the ledger.",
        )
    return text.rstrip("/")


def _read_private(file: Path) -> str:
    try:
        with file.expanduser().open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(TOKEN_BYTES).decode("ascii")
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a ~user that nobody is
        reason = getattr(error, "strerror", None) or "it holds no token"
        raise _no_token(f"the token file {file} cannot be read ({reason})") from None
    if stat.S_ISREG(mode) and mode & (stat.S_IROTH | stat.S_IWOTH):
        raise UsageError(
            f"the token file {file} can be read or written by every user of this machine",
            slug="token-file-open",
            hint="Take that right away (chmod 600), and if anybody may have read it, revoke the token and make another one.",
        )
    return text


def _no_token(message: str) -> UsageError:
    return UsageError(
        message,
        slug="no-reader-token",
        hint=f"Put a reader's token, and nothing else, into a file that only you can read, and name it by --token-file or "
        f"METERIZE_TOKEN_FILE; or set METERIZE_TOKEN. {HOW_TO_GET_ONE} `--spool DIR` asks a spool instead.",
    )
