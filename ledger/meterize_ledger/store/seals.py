"""Seals: up to where each chain was let go of, and the records before that, which are dropped bit by bit."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update

from meterize_ledger.model.record import Link

from .schema import past_accounts, past_keys, records, sources


class Cut(Struct, frozen=True, kw_only=True):
    """A source's chain that can be let go of from a record (``seq`` 0: from its beginning) to another one, its ``end``."""

    sealed: Link
    end: Link


def seals(connection: Connection) -> dict[str, Link]:
    """By source the last record that was let go of; sources that have all of theirs are not there."""
    rows = connection.execute(select(sources.c.name, sources.c.sealed, sources.c.sealed_link).where(sources.c.sealed > 0))
    return {name: _link(name, seq, link) for name, seq, link in rows}


def sealed_at(connection: Connection, source: str) -> int:
    """The last record that was let go of; 0 where there is none."""
    return connection.scalar(select(sources.c.sealed).where(sources.c.name == source)) or 0


def cuts(connection: Connection, before: int) -> list[Cut]:
    """The chains that begin with records which arrived before a moment, seals aside."""
    found = []
    for source, name, sealed, sealed_link, end in connection.execute(select(*_PLACE)).all():
        old = (records.c.source_id == source) & (records.c.seq > sealed)
        kept = connection.scalar(
            select(records.c.seq).where(old, records.c.received >= before).order_by(records.c.seq).limit(1)
        )
        last = end if kept is None else kept - 1
        gone = old & (records.c.seq <= last)
        if connection.scalar(select(records.c.seq).where(gone, records.c.kind != "seal").limit(1)) is not None:
            link = connection.scalar(select(records.c.link).where(gone, records.c.seq == last))
            found.append(Cut(sealed=_link(name, sealed, sealed_link), end=_link(name, last, link)))
    return found


_PLACE = (sources.c.id, sources.c.name, sources.c.sealed, sources.c.sealed_link, sources.c.seq)


def move_seal(connection: Connection, cut: Cut) -> bool:
    """Whether the source's seal stood where the cut says, and stands at its end now."""
    statement = update(sources).where(sources.c.name == cut.end.source, sources.c.sealed == cut.sealed.seq)
    moved = connection.execute(statement.values(sealed=cut.end.seq, sealed_link=bytes.fromhex(cut.end.link)))
    return moved.rowcount == 1


def drop_sealed(connection: Connection, limit: int) -> int:
    """Drop some of the records that are sealed, at most ``limit``, and keep their keys and accounts. How many there were."""
    for source, sealed in connection.execute(select(sources.c.id, sources.c.sealed).where(sources.c.sealed > 0)).all():
        first = connection.scalar(select(func.min(records.c.seq)).where(records.c.source_id == source))
        if first is None or first > sealed:
            continue
        values = {"source": source, "last": min(sealed, first + limit - 1)}
        connection.execute(_KEEP_KEYS, values)
        connection.execute(_KEEP_ACCOUNTS, values)
        return connection.execute(_DROP, values).rowcount
    return 0


def _link(source: str, seq: int, link: bytes | None) -> Link:
    return Link(source=source, seq=seq, link=bytes(link or b"").hex())


_GONE = (records.c.source_id == bindparam("source")) & (records.c.seq <= bindparam("last"))
_KEEP_KEYS = insert(past_keys).from_select(["key"], select(records.c.key).where(_GONE, records.c.key.is_not(None)))
_KEPT = (past_accounts.c.source_id == records.c.source_id) & (past_accounts.c.account_id == records.c.account_id)
_KEEP_ACCOUNTS = insert(past_accounts).from_select(
    ["source_id", "account_id"],
    select(records.c.source_id, records.c.account_id).where(_GONE, ~exists().where(_KEPT)).distinct(),
)
_DROP = delete(records).where(_GONE)
