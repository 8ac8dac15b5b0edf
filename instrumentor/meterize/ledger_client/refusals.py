"""What an answer means that is not what was asked for: each an error with what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from meterize.errors import AwayError, MeterizeError, TargetError, UsageError

from .settings import HOW_TO_GET_ONE

LONGEST_WAIT: Final = 60.0
"""Seconds; what a server asks for beyond that is not done."""
WORDS: Final = 300
"""Letters of a server's message that are shown."""


def away(message: str, seconds: float = 0.0) -> AwayError:
    """The ledger does not answer now."""
    error = AwayError(message, slug="ledger-away", hint="See that it runs, and that --ledger (METERIZE_LEDGER) is its URL.")
    error.seconds = seconds
    return error


def not_a_ledger(url: str, why: str) -> TargetError:
    """Somebody else answers."""
    return TargetError(
        f"what answers at {url} is no ledger: {why}",
        slug="no-ledger-there",
        hint="Give the URL that `meterize ledger serve` is reached by, without /api/….",
    )


def understand_refusal(url: str, status: int, headers: Mapping[str, str], document: dict[str, Any] | None) -> MeterizeError:
    """The error that an answer means; names of ``headers`` are in lower case, ``document`` is its JSON object, if it is one."""
    slug, message = _said(document)
    if status in (401, 403):
        return _refused_token(slug, message or f"{url} refuses the token (HTTP {status})")
    if status == 429 or status >= 500:
        return _busy(url, status, message, _seconds(headers.get("retry-after")))
    if status in (400, 422) and message:
        return UsageError(
            f"the ledger refuses the question: {message}",
            slug="question-refused",
            hint="`meterize usage --help` shows what can be asked.",
        )
    return not_a_ledger(url, _why(status, headers) or message or f"HTTP {status}")


def _why(status: int, headers: Mapping[str, str]) -> str:
    if 300 <= status < 400:
        return f"it sends everybody on to {_plain(headers.get('location', 'elsewhere'))}"
    if status == 200:
        return f"its answer is {_plain(headers.get('content-type', 'of no type'))}, and no JSON object"
    return ""


def _busy(url: str, status: int, message: str, seconds: float) -> AwayError:
    if status >= 500:
        return away(f"the ledger at {url} cannot answer: {message or f'HTTP {status}'}", seconds)
    error = AwayError(message or "too many questions", slug="too-often", hint="Wait a little; with --follow, look less often.")
    error.seconds = seconds
    return error


def _refused_token(slug: str, message: str) -> TargetError:
    if slug == "subject-refused":
        return TargetError(
            message, slug="subject-refused", hint="Leave --subject out, or use a token that reads everybody's uses."
        )
    if slug == "scope-missing":
        hint = f"Agents' tokens only send. {HOW_TO_GET_ONE} `--spool DIR` asks a spool instead."
        return TargetError(message, slug="scope-missing", hint=hint)
    return TargetError(message, slug="token-refused", hint=f"It may be revoked, or of another ledger. {HOW_TO_GET_ONE}")


def _said(document: dict[str, Any] | None) -> tuple[str, str]:
    """Slug and message of a ledger's error; empty if it is none."""
    error = (document or {}).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return "", ""
    return str(error.get("slug", "")), _plain(error["message"])


def _plain(text: str) -> str:
    return " ".join(text.split())[:WORDS]


def _seconds(text: str | None) -> float:
    try:
        return min(max(0.0, float(text or 0)), LONGEST_WAIT)  # in this order NaN is 0
    except ValueError:  # a date: too seldom to read
        return 0.0
