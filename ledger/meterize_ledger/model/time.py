"""Moments as the ledger keeps them: whole microseconds since 1970-01-01 UTC, and their one spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
QUARTER: Final = HOUR // 4
_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970, negative before."""
    return (moment - _BEGIN) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The moment, in UTC."""
    return _BEGIN + timedelta(microseconds=microseconds)


def spelled(microseconds: int) -> str:
    """``2026-11-22T09:00:00.000000Z``: the spelling that is hashed."""
    return f"{moment(microseconds):%Y-%m-%dT%H:%M:%S.%f}Z".rjust(27, "0")
