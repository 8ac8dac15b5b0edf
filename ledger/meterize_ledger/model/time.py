"""Moments as the ledger keeps them: whole microseconds since 1970-01-01 UTC, and their one spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

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


def read_zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def read_moment(text: str, zone: ZoneInfo) -> datetime:
    """A date or time (ISO 8601), of the zone where it has no offset of its own. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no date or time (ISO 8601), such as 2026-11-01 or 2026-11-01T09:30+01:00") from error
    if not 1970 <= moment.year <= 9000:
        raise ValueError(f"{text!r} is out of the ledger's time")
    return moment
