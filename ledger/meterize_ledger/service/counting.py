"""Takes reports of cumulative counts: the larger of what is known and what is sent, the difference as records, at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from meterize_ledger.model.record import use_id, use_key
from meterize_ledger.model.report import Report, Taken
from meterize_ledger.model.time import micros
from meterize_ledger.store.counters import Standing, add_counters, counter_key, raise_totals, standing
from meterize_ledger.store.database import Database
from meterize_ledger.store.losses import keep_losses
from meterize_ledger.store.processes import bind_processes
from meterize_ledger.store.records import Draft, append
from meterize_ledger.store.sources import Source, lock_source


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
    keyed = [[(counter_key(report.incarnation, counter), counter) for counter in report.counters] for report in reports]
    keys = {key for pairs in keyed for key, _ in pairs}
    known = standing(connection, keys)
    if len(known) < len(keys):
        new = {
            key: (numbers[report.incarnation], report.host, counter)
            for report, pairs in zip(reports, keyed, strict=True)
            for key, counter in pairs
            if key not in known
        }
        add_counters(connection, new)
        known |= standing(connection, new)
    drafts: list[Draft] = []
    taken: list[Taken] = []
    raised: dict[int, int] = {}
    for report, pairs in zip(reports, keyed, strict=True):
        before, time = len(drafts), micros(report.seen)
        for key, counter in pairs:
            at = known[key]
            if counter.total > at.total:
                drafts.append(_draft(report.incarnation, at, counter.total, time))
                raised[at.id] = at.total = counter.total
        taken.append(Taken(incarnation=report.incarnation, counters=len(pairs), recorded=len(drafts) - before))
    raise_totals(connection, raised)
    append(connection, source, drafts, now)
    keep_losses(connection, reports, numbers)
    return taken


def _draft(incarnation: str, at: Standing, total: int, time: int) -> Draft:
    origin = f"urn:meterize:{incarnation}"
    name = use_id(incarnation, at.hook, at.account.subject, at.total, total)
    return Draft(
        key=use_key(at.key, total),
        kind="use",
        id=name,
        origin=origin,
        account=at.account,
        account_id=at.account_id,
        counter_id=at.id,
        total=total,
        uses=total - at.total,
        time=time,
        hook=at.hook,
        policy=at.policy or None,
    )
