"""Sources: the names under which records come in, and the end of each one's chain."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from sqlalchemy import Connection, bindparam, exists, insert, or_, select, update

from meterize_ledger.errors import Refused
from meterize_ledger.model.record import START, Link

from .schema import accounts, past_accounts, records, sources

NAMED: Final = 8
"""Names in a hint."""


@dataclass(slots=True, kw_only=True)
class Source:
    """A source and the end of its chain, which moves as the transaction that holds its lock appends."""

    id: int
    name: str
    seq: int
    link: bytes
    uses: int


def add_source(connection: Connection, name: str, now: int) -> None:
    """Make the source; one that is there stays as it is."""
    if connection.execute(select(sources.c.id).where(sources.c.name == name)).first() is None:
        connection.execute(insert(sources), _new(name, now))


def _new(name: str, now: int) -> dict[str, object]:
    return {"name": name, "seq": 0, "link": START, "uses": 0, "made": now, "sealed": 0, "sealed_link": START}


_LOCK = select(sources.c.id, sources.c.name, sources.c.seq, sources.c.link, sources.c.uses).with_for_update()
_LOCK_NAMED = _LOCK.where(sources.c.name == bindparam("wanted"))


def lock_source(connection: Connection, name: str) -> Source:
    """The source, for this transaction alone: whoever else wants to append to its chain waits. Raises Refused."""
    row = connection.execute(_LOCK_NAMED, {"wanted": name}).first()
    if row is None:
        raise no_source(connection, name)
    return Source(id=row.id, name=row.name, seq=row.seq, link=bytes(row.link), uses=row.uses)


def no_source(connection: Connection, name: str) -> Refused:
    """Somebody has named a source that is not there; those that are, the likely ones first."""
    names = source_names(connection)
    near = get_close_matches(name, names, NAMED)
    others = [each for each in names if each not in near]
    listed = ", ".join((near + others)[:NAMED]) + (", …" if len(names) > NAMED else "")
    there = f"Those that there are: {listed}. `" if names else "There is none yet; `"
    return Refused(
        f"there is no source {name!r}",
        slug="no-such-source",
        hint=f"{there}meterize ledger token add --source NAME` makes one, with a token for it.",
    )


_MOVE = (
    update(sources)
    .where(sources.c.id == bindparam("which"))
    .values(seq=bindparam("new_seq"), link=bindparam("new_link"), uses=bindparam("new_uses"))
)


def move_end(connection: Connection, source: Source) -> None:
    """Write the chain's new end."""
    values = {"which": source.id, "new_seq": source.seq, "new_link": source.link, "new_uses": source.uses}
    connection.execute(_MOVE, values)


def chain_ends(connection: Connection) -> list[Link]:
    """The end of every source's chain, by name."""
    rows = connection.execute(select(sources.c.name, sources.c.seq, sources.c.link).order_by(sources.c.name))
    return [Link(source=name, seq=seq, link=bytes(link).hex()) for name, seq, link in rows]


def sources_of(connection: Connection, subject: str) -> set[str]:
    """The sources that ever had a record of the subject, be it still there or not."""
    had = [
        exists().where(table.c.source_id == sources.c.id, table.c.account_id == accounts.c.id, accounts.c.subject == subject)
        for table in (records, past_accounts)
    ]
    return set(connection.scalars(select(sources.c.name).where(or_(*had))))


def source_names(connection: Connection) -> list[str]:
    """All sources."""
    return list(connection.scalars(select(sources.c.name).order_by(sources.c.name)))
