"""Takes CloudEvents: each (source, id) once, whole batches or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from meterize_ledger.errors import Problem, Refused
from meterize_ledger.model.event import LOSS_TYPE, Counted, Event, as_report, canonical_data
from meterize_ledger.model.record import identity
from meterize_ledger.model.report import Report
from meterize_ledger.model.time import micros
from meterize_ledger.store.accounts import Account, account_ids
from meterize_ledger.store.appending import Draft, append
from meterize_ledger.store.database import Database
from meterize_ledger.store.records import Content, contents, known
from meterize_ledger.store.sources import lock_source

from .counting import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a batch of events comes to: counts of metered processes, and what others count."""

    reports: tuple[Report, ...]
    counted: tuple[tuple[Event, Counted, str | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenEvents:
    """How many of the events were news; of those that were there already, how many count something else than was recorded."""

    recorded: int
    differing: int


def take_events(database: Database, source: str, events: Sequence[Event], *, mark: str | None = None) -> TakenEvents:
    """Record those of the events that are news. All are durable when this returns; on any error none is.

    Raises Refused with the index and reason of each bad event, Unavailable.
    """
    arrived = datetime.now(UTC)
    read, now = read_events(events, arrived), micros(arrived)

    def work(connection: Connection) -> TakenEvents:
        owner = lock_source(connection, source)
        recorded = sum(taken.recorded for taken in count(connection, owner, read.reports, now)) if read.reports else 0
        drafts, differing = _drafts(connection, read, now, mark)
        append(connection, owner, drafts, now)
        return TakenEvents(recorded=recorded + len(drafts), differing=differing)

    return database.write(work)


def read_events(events: Sequence[Event], now: datetime) -> Read:
    """What the events count. Raises Refused."""
    reports: list[Report] = []
    counted: list[tuple[Event, Counted, str | None]] = []
    problems: list[Problem] = []
    for index, event in enumerate(events):
        try:
            report = as_report(event, now)
            if report is not None:
                reports.append(report)
            else:
                counted.append((event, Counted.of(event), canonical_data(event)))
        except ValueError as error:
            problems.append({"event": index, "reason": str(error)})
    if problems:
        raise Refused(
            f"{len(problems)} of {len(events)} events cannot be taken",
            slug="items-refused",
            hint="Mend or leave out those listed, and send the others again. Nothing of the request was recorded.",
            problems=problems,
        )
    return Read(reports=tuple(reports), counted=tuple(counted))


def _content(event: Event, counted: Counted) -> Content:
    time = None if event.time is None else micros(event.time)
    return Content(counted.feature, counted.package, event.subject, counted.uses, time)


def _differing(connection: Connection, read: Read, first: Mapping[bytes, Content], there: set[bytes]) -> int:
    """How many events count something else than the record of the same origin and id, which stands."""
    if not there and len(first) == len(read.counted):
        return 0
    kept = contents(connection, there)
    gone, stands = there - kept.keys(), {**first, **kept}
    differing = 0
    for event, counted, _ in read.counted:
        key, told = identity(event.source, event.id), _content(event, counted)
        stood = stands[key]
        if told.time is None or stood.time is None:
            stood = stood._replace(time=told.time)
        differing += key not in gone and told != stood
    return differing


def _drafts(connection: Connection, read: Read, now: int, mark: str | None) -> tuple[list[Draft], int]:
    news = {identity(event.source, event.id): (event, counted, data) for event, counted, data in reversed(read.counted)}
    there = known(connection, news)
    fresh = [(key, *news[key]) for key in reversed(news) if key not in there]
    names = {key: Account(counted.feature, counted.package, event.subject, None) for key, event, counted, _ in fresh}
    ids = account_ids(connection, set(names.values()))
    first = {key: _content(event, counted) for key, (event, counted, _) in news.items()}
    drafts = [
        Draft(
            key=key,
            kind="event",
            id=event.id,
            origin=event.source,
            account=names[key],
            account_id=ids[names[key]],
            uses=counted.uses,
            time=now if event.time is None else micros(event.time),
            hook=counted.hook,
            marks=",".join(filter(None, (mark, "loss" if event.type == LOSS_TYPE else None))) or None,
            data=data,
        )
        for key, event, counted, data in fresh
    ]
    return drafts, _differing(connection, read, first, there)
