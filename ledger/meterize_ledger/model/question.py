"""What may be asked about usage: which uses, from when to when, by what, against what."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

Dimension = Literal["feature", "subject", "package", "host"]
Unit = Literal["hour", "day", "month"]
DIMENSIONS: Final[tuple[Dimension, ...]] = ("feature", "subject", "package", "host")
UNITS: Final[tuple[Unit, ...]] = ("hour", "day", "month")


class Question(Struct, frozen=True, kw_only=True):
    """Uses from one moment (in) to another (out) in a time zone, by dimensions and at most one unit of time."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    by: tuple[Dimension, ...] = ()
    unit: Unit | None = None
    features: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    top: int | None = None
    compare: bool = False


class Row(Struct, frozen=True, kw_only=True, gc=False):
    """Uses of one group: its values in the order of the question's ``by``, and the unit's beginning in its own zone."""

    group: tuple[str | None, ...]
    at: str | None
    uses: int
    previous: int | None = None


class Answer(Struct, frozen=True, kw_only=True):
    """The rows, the most used group first; what ``top`` left out; and the sum of everything, left out or not."""

    question: Question
    rows: tuple[Row, ...]
    total: int
    others: int = 0
    previous_start: datetime | None = None
    previous_end: datetime | None = None
    previous_total: int | None = None
