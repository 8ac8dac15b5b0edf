"""Periods of a calendar in a time zone: where hours, days and months begin, and which period came before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from .question import Unit
from .time import QUARTER, micros


class Slot(Struct, frozen=True):
    """One hour, day or month of an answer: its name, and its quarters of an hour since 1970 UTC (from, in; to, out)."""

    name: str
    first: int
    end: int


def slots(start: datetime, end: datetime, unit: Unit, zone: ZoneInfo) -> list[Slot]:
    """The units from start to end; the first and the last may be cut. Hours are real ones: 23 or 25 on some days."""
    found = []
    at = start
    while at < end:
        following = min(_next(at, unit, zone), end)
        found.append(Slot(slot_name(at, unit, zone), quarter(at), quarter(following)))
        at = following
    return found


def slot_name(moment: datetime, unit: Unit, zone: ZoneInfo) -> str:
    """``2026-11``, ``2026-11-22``, or ``2026-11-22T13:00:00+01:00``: an hour may come twice on one day, at two offsets."""
    begin = _begin(moment, unit, zone)
    return begin.isoformat()[: {"month": 7, "day": 10, "hour": None}[unit]]


def previous(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The period of the same length before: months where it is whole months, days where it is whole days, else its duration."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if _begin(first, "month", zone) == first and _begin(last, "month", zone) == last:
        months = (last.year - first.year) * 12 + last.month - first.month
        year, month = divmod(first.year * 12 + first.month - 1 - months, 12)
        return _utc(datetime(year, month + 1, 1, tzinfo=zone)), start
    if _begin(first, "day", zone) == first and _begin(last, "day", zone) == last:
        days = (last.date() - first.date()).days
        return _utc((first.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=zone)), start
    return start - (end - start), start


def quarter(moment: datetime) -> int:
    """The quarter of an hour, since 1970 UTC, that begins at the moment or holds it."""
    return micros(moment) // QUARTER


def _begin(moment: datetime, unit: Unit, zone: ZoneInfo) -> datetime:
    hour = moment.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    if unit == "hour":
        return hour
    midnight = hour.replace(hour=0, fold=0)
    return midnight.replace(day=1) if unit == "month" else midnight


def _next(moment: datetime, unit: Unit, zone: ZoneInfo) -> datetime:
    if unit == "hour":
        return moment + timedelta(hours=1, minutes=-moment.astimezone(zone).minute)
    midnight = _begin(moment, unit, zone).replace(tzinfo=None)
    following = midnight + timedelta(days=1) if unit == "day" else (midnight + timedelta(days=32)).replace(day=1)
    return _utc(following.replace(tzinfo=zone))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
