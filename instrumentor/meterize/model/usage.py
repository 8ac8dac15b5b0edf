"""A question about usage and its answer, whoever gives it: a spool or a ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

DIMENSIONS: Final = ("feature", "subject", "package", "host")
UNITS: Final = ("hour", "day", "month")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Uses by some DIMENSIONS, in the order of their columns, and perhaps one of the UNITS of time.

    ``start`` (in) and ``end`` (out) are ISO 8601, in ``zone`` where they name no offset. ``features`` and ``subjects``: only
    these, if any. ``top``: only so many groups, the most used. ``compare``: with the period before.
    """

    by: tuple[str, ...]
    unit: str | None = None
    zone: str = "UTC"
    start: str | None = None
    end: str | None = None
    features: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    top: int | None = None
    compare: bool = False

    def concerns(self, feature: str) -> bool:
        """Whether a loss in the feature may be one of what is asked for; one without a name may."""
        return not self.features or feature in ("", *self.features)


@dataclass(frozen=True, slots=True, kw_only=True)
class UseRow:
    """The uses of one group, its values in the order of the question's ``by`` (a subject is None if unknown).

    A ledger knows ``at``, the beginning of the unit of time, and ``before``, the uses of the period before. A spool knows how
    many ``processes`` counted, ``since`` when the first did, and ``until`` when the file system saw a change of their files
    last: a use may be later, by as much as the system takes to write memory back.
    """

    group: tuple[str | None, ...]
    uses: int
    at: str | None = None
    before: int | None = None
    processes: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From (in) and to (out), ISO 8601 in the question's zone, and all uses in it that were asked about."""

    start: str
    end: str
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmetered:
    """Something that processes could not meter, and how often they say so; empty where the reason has no such name."""

    reason: str
    package: str
    feature: str
    hook: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageAnswer:
    """Who used what, the most used group first. ``source``: the spool's folder or the ledger's URL.

    ``others``: what ``top`` left out; ``total``: of everything, left out or not. ``period`` and ``previous`` are a ledger's.
    ``unmetered`` is all that is known, whenever it was. ``problems`` are sentences about what could not be read.
    """

    question: Question
    source: str
    rows: tuple[UseRow, ...]
    total: int
    others: int = 0
    period: Period | None = None
    previous: Period | None = None
    unmetered: tuple[Unmetered, ...] = ()
    problems: tuple[str, ...] = ()
