"""Takes reports of cumulative counts: the larger of what is known and what is sent, the difference as records, at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from meterize_ledger.model.report import Counter, Report, Taken
from meterize_ledger.model.time import micros
from meterize_ledger.store.appending import Rise, append_rises
from meterize_ledger.store.counters import Standing, add_counters, counter_keys, raise_totals, standing
from meterize_ledger.store.database import Database
from meterize_ledger.store.losses import keep_losses
from meterize_ledger.store.processes import bind_processes
from meterize_ledger.store.sources import Source, lock_source

Keyed = list[list[tuple[bytes, Counter]]]
"""The counters of each report, with their keys."""


def take_reports(database: Database, source: str, reports: Sequence[Report]) -> list[Taken]:
    """What became of each report. All of them are durable when this returns; on any error, none is.

    Sent again, in any order, in parts, or along with later ones, they change nothing.
    Raises Refused, Unavailable.
    """
    now = micros(datetime.now(UTC))
    return database.write(lambda connection: count(connection, lock_source(connection, source), reports, now))


def count(connection: Connection, source: Source, reports: Sequence[Report], now: int) -> list[Taken]:
    """The same in a transaction that is under way and holds the source's lock."""
    numbers = bind_processes(connection, source, reports)
    keyed: Keyed = [list(zip(counter_keys(each.incarnation, each.counters), each.counters, strict=True)) for each in reports]
    known = _known(connection, reports, keyed, numbers)
    rises: list[Rise] = []
    taken: list[Taken] = []
    raised: dict[int, tuple[int, int]] = {}
    for report, pairs in zip(reports, keyed, strict=True):
        before, time, incarnation = len(rises), micros(report.seen), report.incarnation
        for key, counter in pairs:
            at, total = known[key], counter.total
            first = at.total
            if total > first:
                rises.append((incarnation, at, first, total, time))
                moved = raised.get(at.id)
                raised[at.id] = (first if moved is None else moved[0], total)
                at.total = total
        taken.append(Taken(incarnation=incarnation, counters=len(pairs), recorded=len(rises) - before))
    raise_totals(connection, raised)
    append_rises(connection, source, rises, now)
    keep_losses(connection, reports, numbers)
    return taken


def _known(connection: Connection, reports: Sequence[Report], keyed: Keyed, numbers: dict[str, int]) -> dict[bytes, Standing]:
    """All the counters as they stand; those that nobody has reported before are there at 0."""
    keys = {key for pairs in keyed for key, _ in pairs}
    known = standing(connection, keys)
    if len(known) < len(keys):
        new: dict[bytes, tuple[int, str, Counter]] = {}
        for report, pairs in zip(reports, keyed, strict=True):
            for key, counter in pairs:
                if key not in known:
                    new.setdefault(key, (numbers[report.incarnation], report.host, counter))
        add_counters(connection, new)
        known |= standing(connection, new)
    return known
