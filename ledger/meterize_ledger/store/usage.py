"""Sums of uses, out of the hours alone: no question reads a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, Select, column, func, select, values

from meterize_ledger.model.period import Slot
from meterize_ledger.model.question import Question

from .schema import accounts, hourly

QUARTERS: Final = (hourly.c.q0, hourly.c.q1, hourly.c.q2, hourly.c.q3)
Sum = tuple[tuple[str | None, ...], int, int]
"""A group's values, the number of its slot, and its uses."""


def sums(connection: Connection, question: Question, slots: Sequence[Slot], limit: int) -> Iterator[Sum]:
    """The uses of each group in each slot; a group may come several times. At most ``limit`` rows of each of two statements."""
    whole = [(number, -(-slot.first // 4), slot.end // 4) for number, slot in enumerate(slots)]
    yield from _whole_hours(connection, question, [each for each in whole if each[1] < each[2]], limit)
    yield from _edges(connection, question, slots, limit)


def _whole_hours(connection: Connection, question: Question, spans: list[tuple[int, int, int]], limit: int) -> Iterator[Sum]:
    if not spans:
        return
    groups = [accounts.c[name] for name in question.by]
    uses = func.sum(hourly.c.q0 + hourly.c.q1 + hourly.c.q2 + hourly.c.q3)
    first, end = spans[0][1], spans[-1][2]
    if len(spans) == end - first:  # every hour is a slot of its own, or there is but one
        statement = select(hourly.c.hour, uses, *groups).join_from(hourly, accounts)
        statement = statement.where(hourly.c.hour >= first, hourly.c.hour < end).group_by(hourly.c.hour, *groups)
        number = {hour: slot for slot, hour, _ in spans}
        for hour, count, *group in connection.execute(_filtered(statement, question).limit(limit)).all():
            yield tuple(group), number[hour], int(count)
        return
    span = (
        values(column("slot", Integer), column("first", Integer), column("past", Integer), name="span").data(spans).cte("span")
    )
    inside = (hourly.c.hour >= span.c.first) & (hourly.c.hour < span.c.past)
    statement = select(span.c.slot, uses, *groups).select_from(span).join(hourly, inside).join(accounts)
    for row in connection.execute(_filtered(statement.group_by(span.c.slot, *groups), question).limit(limit)):
        yield tuple(row[2:]), row[0], int(row[1])


def _edges(connection: Connection, question: Question, slots: Sequence[Slot], limit: int) -> Iterator[Sum]:
    """Hours that a slot begins or ends within: by their quarters."""
    parts: dict[int, list[tuple[int, int]]] = {}
    for number, slot in enumerate(slots):
        first, end = -(-slot.first // 4), slot.end // 4
        for quarter in (*range(slot.first, min(4 * first, slot.end)), *range(max(4 * end, slot.first), slot.end)):
            part = (number, quarter % 4)
            if part not in parts.setdefault(quarter // 4, []):
                parts[quarter // 4].append(part)
    if not parts:
        return
    groups = [accounts.c[name] for name in question.by]
    statement = select(hourly.c.hour, *(func.sum(each) for each in QUARTERS), *groups).join_from(hourly, accounts)
    wanted = sorted(parts)
    near: ColumnElement[bool] = hourly.c.hour.between(wanted[0], wanted[-1])
    if len(wanted) <= 500:
        near = hourly.c.hour.in_(wanted)
    statement = statement.where(near).group_by(hourly.c.hour, *groups)
    for row in connection.execute(_filtered(statement, question).limit(limit)):
        for number, quarter in parts.get(row[0], ()):
            if row[1 + quarter]:
                yield tuple(row[5:]), number, int(row[1 + quarter])


def _filtered(statement: Select[Any], question: Question) -> Select[Any]:
    if question.features:
        statement = statement.where(accounts.c.feature.in_(question.features))
    if question.subjects:
        statement = statement.where(accounts.c.subject.in_(question.subjects))
    return statement
