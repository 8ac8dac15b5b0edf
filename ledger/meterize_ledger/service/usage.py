"""Answers who used what, and how often: from the hours, by groups and units of time, against the period before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Final

from msgspec.structs import replace
from sqlalchemy import Connection

from meterize_ledger.errors import Refused
from meterize_ledger.model.period import Slot, previous, quarter, slots
from meterize_ledger.model.question import Answer, Question, Row
from meterize_ledger.model.time import QUARTER, micros
from meterize_ledger.store.database import Database
from meterize_ledger.store.usage import sums

ROWS: Final = 100_000
SLOTS: Final = 10_000
Group = tuple[str | None, ...]
Sums = Mapping[Group, Mapping[int, int]]
"""Uses by group and number of slot."""


def answer(database: Database, question: Question) -> Answer:
    """The uses that the question is about. Raises Refused where it means nothing or too much, Unavailable."""
    _check(question)
    with database.reading() as connection:
        return ask(connection, question)


def ask(connection: Connection, question: Question) -> Answer:
    """The same in a transaction that is under way."""
    now_slots, now = _sums(connection, question)
    then: Sums | None = None
    before = None
    if question.compare:
        start, end = previous(question.start, question.end, question.zone)
        before = replace(question, start=start, end=end, compare=False)
        then = _sums(connection, before)[1]
    rows = _rows(question, now_slots, now, then)
    kept = _top(question, rows)
    total = _total(now)
    return Answer(
        question=question,
        rows=tuple(kept),
        total=total,
        others=total - sum(row.uses for row in kept),
        previous_start=None if before is None else before.start,
        previous_end=None if before is None else before.end,
        previous_total=None if then is None else _total(then),
    )


def _check(question: Question) -> None:
    if question.start >= question.end or any(micros(moment) % QUARTER for moment in (question.start, question.end)):
        raise _refused("a period begins before it ends, both at quarters of an hour")
    seconds = (question.end - question.start).total_seconds()
    if seconds / {"hour": 3600, "day": 86_400, "month": 28 * 86_400, None: seconds}[question.unit] > SLOTS:
        raise _refused(f"that is more than {SLOTS:,} units of time")


def _refused(message: str) -> Refused:
    return Refused(
        message, slug="question-refused", hint="GET /api/v1/openapi.json says what can be asked; ask for less at once."
    )


def _sums(connection: Connection, question: Question) -> tuple[list[Slot], Sums]:
    start, end = question.start.astimezone(UTC), question.end.astimezone(UTC)
    found: list[Slot] = [Slot("", quarter(start), quarter(end))]
    if question.unit is not None:
        found = slots(start, end, question.unit, question.zone)
    uses: dict[Group, dict[int, int]] = {}
    for rows, (group, number, count) in enumerate(sums(connection, question, found, ROWS + 1), 1):
        counts = uses.get(group)
        if counts is None:
            counts = uses[group] = {}
        counts[number] = counts.get(number, 0) + count
        if rows > ROWS:
            raise _refused(f"the answer would have more than {ROWS:,} rows")
    return found, uses


def _total(found: Sums) -> int:
    return sum(sum(counts.values()) for counts in found.values())


def _rows(question: Question, found: list[Slot], now: Sums, then: Sums | None) -> list[Row]:
    """Group by group, the most used first, each in the order of time; what was amended to nothing is left out."""
    names = [None] if question.unit is None else [slot.name for slot in found]
    totals = {group: sum(now.get(group, {}).values()) for group in {**now, **(then or {})}}
    rows: list[Row] = []
    for group in sorted(totals, key=lambda group: (-totals[group], [part or "" for part in group])):
        counts = now.get(group, {})
        if then is None:
            rows += [Row(group=group, at=names[at], uses=counts[at]) for at in sorted(counts) if counts[at]]
            continue
        before = then.get(group, {})
        for at in sorted({**counts, **before}):
            uses, previous = counts.get(at, 0), before.get(at, 0)
            if uses or previous:
                rows.append(Row(group=group, at=names[at] if at < len(names) else None, uses=uses, previous=previous))
    return rows


def _top(question: Question, rows: list[Row]) -> list[Row]:
    if question.top is None:
        return rows
    groups = list(dict.fromkeys(row.group for row in rows))
    kept = set(groups[: question.top])
    return [row for row in rows if row.group in kept]
