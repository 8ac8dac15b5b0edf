"""Records: appended to their source's chain, never changed; the hours they fall into grow with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, func, insert, select

from meterize_ledger.errors import Refused
from meterize_ledger.model.record import Kind, Link, Record, follow, leaf
from meterize_ledger.model.text import USES_LIMIT
from meterize_ledger.model.time import HOUR, SECOND, spelled

from .accounts import Account
from .hours import add_hours
from .keyed import Find
from .many import Many
from .schema import records
from .sources import Source, move_end

LATE: Final = 24 * HOUR
EARLY: Final = 300 * SECOND
"""A record is marked where its time lies further back or ahead of its arrival than this."""
SALT: Final = 16


class Draft(Struct, frozen=True, kw_only=True, gc=False):
    """A record before it has its place in the chain."""

    key: bytes
    kind: Kind
    id: str
    origin: str
    account: Account
    account_id: int
    uses: int
    time: int
    counter_id: int | None = None
    total: int | None = None
    hook: str | None = None
    policy: str | None = None
    marks: str | None = None
    data: str | None = None
    amends: str | None = None
    amends_key: bytes | None = None
    asked_by: str | None = None
    why: str | None = None


def append(connection: Connection, source: Source, drafts: Sequence[Draft], received: int) -> None:
    """Append the drafts to the source's chain, in order, and add them to their hours. The source is locked by the caller.

    Raises Refused where a source would hold more uses than can be added up exactly.
    """
    if not drafts:
        return
    source.uses += sum(draft.uses for draft in drafts)
    if source.uses > USES_LIMIT:
        raise Refused(
            f"the source {source.name!r} would hold more than {USES_LIMIT} uses",
            slug="uses-limit",
            hint="A total that large is a mistake of the sender. Nothing of the request was recorded.",
        )
    salts, arrived = os.urandom(SALT * len(drafts)), spelled(received)
    of_time: dict[tuple[int, Kind, str | None], tuple[str, str | None]] = {}  # most drafts of a batch have one time
    rows = []
    for number, draft in enumerate(drafts):
        key = (draft.time, draft.kind, draft.marks)
        if key not in of_time:
            of_time[key] = spelled(draft.time), _marks(draft, received)
        time, marks = of_time[key]
        salt = salts[number * SALT : (number + 1) * SALT]
        source.seq += 1
        record = _record(draft, source, time, arrived, salt.hex(), marks)
        source.link = follow(source.link, leaf(record))
        rows.append(_row(draft, source, received, salt, marks))
    _INSERT(connection, rows)
    add_hours(connection, ((draft.account_id, draft.time, draft.uses) for draft in drafts))
    move_end(connection, source)


def _marks(draft: Draft, received: int) -> str | None:
    marks = [draft.marks] if draft.marks else []
    if draft.kind != "correction":
        marks += ["late"] if received - draft.time > LATE else ["early"] if draft.time - received > EARLY else []
    return ",".join(marks) or None


def _record(draft: Draft, source: Source, time: str, received: str, salt: str, marks: str | None) -> Record:
    account = draft.account
    return Record(
        amends=draft.amends,
        asked_by=draft.asked_by,
        data=draft.data,
        feature=account.feature,
        hook=draft.hook,
        host=account.host,
        id=draft.id,
        kind=draft.kind,
        marks=marks,
        origin=draft.origin,
        package=account.package,
        policy=draft.policy,
        received=received,
        salt=salt,
        seq=source.seq,
        source=source.name,
        subject=account.subject,
        time=time,
        uses=draft.uses,
        why=draft.why,
    )


def _row(draft: Draft, source: Source, received: int, salt: bytes, marks: str | None) -> tuple[Any, ...]:
    own = draft.counter_id is None  # a use's texts are its counter's
    return (
        source.id,
        source.seq,
        draft.key,
        draft.kind,
        draft.account_id,
        draft.counter_id,
        draft.total,
        draft.uses,
        draft.time,
        received,
        marks,
        draft.origin if own else None,
        draft.id if own else None,
        draft.hook if own else None,
        draft.policy if own else None,
        draft.data,
        draft.amends,
        draft.amends_key,
        draft.asked_by,
        draft.why,
        salt,
        source.link,
    )


_INSERT: Final = Many(lambda _: insert(records), tuple(records.c.keys()))

_KNOWN: Final = Find(select(records.c.key).where(records.c.key.in_(bindparam("keys", expanding=True))))


def known(connection: Connection, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the keys that records have."""
    return {bytes(row[0]) for row in _KNOWN(connection, keys)}


def amended(connection: Connection, key: bytes) -> int:
    """What the corrections of a record add to its uses."""
    total = connection.scalar(select(func.sum(records.c.uses)).where(records.c.amends_key == key))
    return int(total or 0)


def link_before(connection: Connection, source_id: int, source: str, seq: int) -> Link | None:
    """The link of one record of a chain; None where it has none of that number."""
    statement = select(records.c.link).where(records.c.source_id == source_id, records.c.seq == seq)
    found = connection.scalar(statement)
    return None if found is None else Link(source=source, seq=seq, link=bytes(found).hex())
