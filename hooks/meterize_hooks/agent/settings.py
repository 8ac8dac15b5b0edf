"""Owns what the agent is told: options, environment, and where its token is; the token itself is read anew each time."""

# pathlib is no light import, and this runs in applications:
# ruff: noqa: PTH100, PTH111, PTH116, PTH123

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..spool import spool_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOKEN_BYTES = 4096
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class SettingsError(Exception):
    """The agent cannot work as it is told to; ``slug`` is its section in docs/errors.md.

    ``in_process`` is the hint where there are no options but variables alone; as ``hint`` where it is the same.
    """

    def __init__(self, message: str, *, slug: str, hint: str, in_process: str = "") -> None:
        super().__init__(message)
        self.slug = slug
        self.hint = hint
        self._in_process = in_process

    def hint_here(self, *, in_process: bool) -> str:
        """What to do."""
        return (in_process and self._in_process) or self.hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one agent does."""

    ledger: str
    """Its URL, http or https, without ``/api/…``."""
    spools: tuple[str, ...]
    token_file: str = ""
    token_text: str = ""
    """Of the environment; never shown."""
    authorities: str | None = None
    """A file of CA certificates for https; None: the system's."""
    seconds: float = 1.0
    """Between the ends and beginnings of rounds."""
    timeout: float = 10.0
    """For a request, all in all."""
    longest_wait: float = 60.0
    """Between tries while the ledger is not there."""
    last_round: float = 10.0
    """What is left for the last round at the end."""
    items: int = 1000
    """Counters and losses in a request."""
    body_bytes: int = 512 * 1024
    remembered: int = 500_000
    """Totals that are remembered, about 100 bytes each; beyond, pages are sent whole."""
    metrics: tuple[str, int] | None = None
    spools_are_named: bool = False
    """Somebody said where they are: one that is not there is a mistake, or has not come yet."""
    in_process: bool = False
    """In a thread of the metered process, where there are variables and no options."""
    once: bool = False
    """One round, and nothing is tried again."""

    def __repr__(self) -> str:
        return f"Settings({self.ledger!r}, {self.spools!r})"

    def token(self) -> str:
        """The token as it is now. Raises SettingsError."""
        text = self.token_text
        if self.token_file:
            try:
                with open(self.token_file, "rb") as file:
                    text = file.read(TOKEN_BYTES).decode("ascii")
            except (OSError, ValueError) as error:
                raise SettingsError(
                    f"the token file {self.token_file} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})",
                    slug="agent-no-token",
                    hint="It holds one token as text, and only the agent's user may read it.",
                ) from None
        text = text.strip()
        if not text:
            raise SettingsError(
                "there is no token",
                slug="agent-no-token",
                hint="Name a file by --token-file, or set METERIZE_TOKEN.",
                in_process="Set METERIZE_TOKEN_FILE or METERIZE_TOKEN.",
            )
        if not all("!" <= letter <= "~" for letter in text):
            raise SettingsError(
                "the token holds what no token does",
                slug="agent-no-token",
                hint="Put nothing but the token into the file or variable, as `meterize ledger token` printed it.",
            )
        return text

    @property
    def comfort(self) -> str:
        """What becomes of the counts when the ledger is not to be had."""
        if self.in_process:
            return "the counts stay in the spool"
        return "nothing is lost" if self.once else "nothing is lost, it is tried again"

    @property
    def travels_in_clear(self) -> bool:
        """Whether anybody on the way could read the token."""
        parts = urlsplit(self.ledger)
        return parts.scheme == "http" and parts.hostname not in LOCAL_HOSTS

    @property
    def token_lies_open(self) -> bool:
        """Whether every user of this machine may read the token's file, or put another token into it."""
        try:
            mode = os.stat(self.token_file).st_mode if self.token_file else 0
        except OSError:
            return False
        return stat.S_ISREG(mode) and bool(mode & (stat.S_IROTH | stat.S_IWOTH))


def from_environment(environ: Mapping[str, str], spools: Sequence[str] = (), ledger: str = "") -> dict[str, object]:
    """Keywords for Settings out of METERIZE_ variables; what is given goes before. Raises SettingsError."""
    found = [os.path.abspath(os.path.expanduser(each)) for each in spools]
    if not found:
        default = spool_folder(environ)
        found = [default] if default else []
    if not found:
        raise SettingsError(
            "no spool",
            slug="agent-no-spool",
            hint="Name a folder by --spool, or set METERIZE_SPOOL.",
            in_process="Set METERIZE_SPOOL.",
        )
    return {
        "ledger": checked_url(ledger or environ.get("METERIZE_LEDGER", "")),
        "spools": tuple(dict.fromkeys(found)),
        "spools_are_named": bool(spools or environ.get("METERIZE_SPOOL")),
        "token_file": environ.get("METERIZE_TOKEN_FILE", ""),
        "token_text": environ.get("METERIZE_TOKEN", ""),
        "authorities": environ.get("METERIZE_CA_FILE") or None,
    }


def checked_url(text: str) -> str:
    """The ledger's URL. Raises SettingsError."""
    if not text:
        raise SettingsError(
            "no ledger",
            slug="agent-no-ledger",
            hint="Give its URL by --ledger, or set METERIZE_LEDGER.",
            in_process="Set METERIZE_LEDGER to its URL.",
        )
    try:
        parts = urlsplit(text)
        is_fine = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # UnicodeError is one
        is_fine = False
    if not is_fine or "@" in parts.netloc or parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise SettingsError(
            "the ledger's URL is none that the agent can use",
            slug="agent-bad-url",
            hint="It is http or https, a host, perhaps a port and a path. No password: a token is what opens the ledger.",
        )
    return text.rstrip("/")


def checked_address(text: str) -> tuple[str, int]:
    """``PORT`` or ``HOST:PORT``; without a host the local one. Raises SettingsError."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise SettingsError(f"{text!r} is no address", slug="agent-bad-address", hint="Give PORT, or HOST:PORT.")
    return host.strip("[]") or "127.0.0.1", int(port)
