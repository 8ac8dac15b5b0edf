"""Records read back, whole: with the texts of their counters, accounts and sources, and their links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Select, select

from meterize_ledger.model.record import Record, use_id, use_key
from meterize_ledger.model.time import spelled

from .accounts import Account
from .schema import accounts, counters, processes, records, sources

PAGE: Final = 2000


class Whole(Struct, frozen=True, kw_only=True):
    """A record as it was hashed, its link, and what the database knows it by."""

    record: Record
    link: bytes
    key: bytes
    account: Account
    account_id: int
    time: int


_WHOLE: Final[Select[*tuple[Any, ...]]] = (
    select(
        records,
        sources.c.name.label("source"),
        accounts.c.feature,
        accounts.c.package,
        accounts.c.subject,
        accounts.c.host,
        counters.c.key.label("counter_key"),
        counters.c.hook.label("counter_hook"),
        counters.c.policy.label("counter_policy"),
        processes.c.incarnation,
    )
    .join_from(records, sources)
    .join(accounts, accounts.c.id == records.c.account_id)
    .outerjoin(counters, counters.c.id == records.c.counter_id)
    .outerjoin(processes, processes.c.id == counters.c.process_id)
)


def find_record(connection: Connection, source: str, seq: int) -> Whole | None:
    """One record of a source's chain; None where it has none of that number."""
    row = connection.execute(_WHOLE.where(sources.c.name == source, records.c.seq == seq)).first()
    return None if row is None else _whole(row)


def walk_chain(connection: Connection, source: str, first: int = 1) -> Iterator[Whole]:
    """The records of a source in the order of its chain, from a number on; a page of them is in memory at a time."""
    number = connection.scalar(select(sources.c.id).where(sources.c.name == source))
    statement = _WHOLE.where(records.c.source_id == number).order_by(records.c.seq).limit(PAGE)
    while True:
        rows = connection.execute(statement.where(records.c.seq >= first)).all()
        for row in rows:
            yield _whole(row)
        if len(rows) < PAGE:
            return
        first = rows[-1].seq + 1


def _whole(row: Any) -> Whole:
    if row.counter_id is None:
        origin, name, hook, policy, key = row.origin, row.name, row.hook, row.policy, bytes(row.key)
    else:
        origin, hook, policy = f"urn:meterize:{row.incarnation}", row.counter_hook, row.counter_policy or None
        name = use_id(row.incarnation, hook, row.subject, row.total - row.uses, row.total)
        key = use_key(bytes(row.counter_key), row.total)
    record = Record(
        amends=row.amends,
        asked_by=row.asked_by,
        data=row.data,
        feature=row.feature,
        hook=hook,
        host=row.host,
        id=name,
        kind=row.kind,
        marks=row.marks,
        origin=origin,
        package=row.package,
        policy=policy,
        received=spelled(row.received),
        salt=bytes(row.salt).hex(),
        seq=row.seq,
        source=row.source,
        subject=row.subject,
        time=spelled(row.time),
        uses=row.uses,
        why=row.why,
    )
    account = Account(row.feature, row.package, row.subject, row.host)
    return Whole(record=record, link=bytes(row.link), key=key, account=account, account_id=row.account_id, time=row.time)
