"""Hours: uses added up by hour and account, in the transaction that records them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from meterize_ledger.model.time import HOUR, QUARTER

from .many import Many
from .schema import hourly


def add_hours(connection: Connection, uses: Iterable[tuple[int, int, int]]) -> None:
    """Add uses to their hours: (account's number, moment, uses) each. In one order: two that do so never wait in a circle."""
    sums: dict[tuple[int, int], list[int]] = {}
    before = hour = place = -1
    for account_id, time, count in uses:
        if time != before:  # most of a batch have one
            before = time
            hour, rest = divmod(time, HOUR)
            place = 2 + rest // QUARTER
        row = sums.get((hour, account_id))
        if row is None:
            row = sums[hour, account_id] = [hour, account_id, 0, 0, 0, 0]
        row[place] += count
    _ADD(connection, [tuple(sums[key]) for key in sorted(sums)])


def _adding(is_sqlite: bool) -> UpdateBase:
    statement = (sqlite if is_sqlite else postgresql).insert(hourly)
    adding: UpdateBase = statement.on_conflict_do_update(
        index_elements=["hour", "account_id"],
        set_={name: hourly.c[name] + statement.excluded[name] for name in ("q0", "q1", "q2", "q3")},
    )
    return adding


_ADD: Final = Many(_adding, tuple(hourly.c.keys()))
