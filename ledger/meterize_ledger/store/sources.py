"""Sources: the names under which records come in, and the end of each one's chain."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from meterize_ledger.errors import Refused
from meterize_ledger.model.record import START, Link

from .schema import sources


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
        raise Refused(
            f"there is no source {name!r}",
            slug="no-such-source",
            hint="`meterize ledger token add --source NAME` makes one, with a token for it.",
        )
    return Source(id=row.id, name=row.name, seq=row.seq, link=bytes(row.link), uses=row.uses)


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
