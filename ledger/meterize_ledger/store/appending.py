"""Appends records to their source's chain; the hours they fall into, and the chain's end, move with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, insert

from meterize_ledger.errors import Refused
from meterize_ledger.model.record import Kind, Record, canonical, name_in_id
from meterize_ledger.model.text import USES_LIMIT
from meterize_ledger.model.time import HOUR, SECOND, spelled

from .accounts import Account
from .counters import Standing
from .hours import add_hours
from .many import Many
from .schema import records
from .sources import Source, move_end

LATE: Final = 24 * HOUR
EARLY: Final = 300 * SECOND
"""A record is marked where its time lies further back or ahead of its arrival than this."""
SALT: Final = 16

Rise = tuple[str, Standing, int, int, int]
"""A counter's move, which is a use's record to be: its incarnation, the counter, from, to, and when it was seen."""


class Draft(Struct, frozen=True, kw_only=True, gc=False):
    """An event, a correction or a seal before it has its place in the chain."""

    key: bytes
    kind: Kind
    id: str
    origin: str
    account: Account
    account_id: int
    uses: int
    time: int
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
    _grow(source, sum(draft.uses for draft in drafts))
    arrived, rows = spelled(received), []
    for draft, salt in zip(drafts, _salts(len(drafts)), strict=True):
        marks = _marks(draft, received)
        source.seq += 1
        _follow(source, _record(draft, source, arrived, salt, marks))
        rows.append(_row(draft, source, received, salt, marks))
    _INSERT(connection, rows)
    add_hours(connection, ((draft.account_id, draft.time, draft.uses) for draft in drafts))
    move_end(connection, source)


def append_rises(connection: Connection, source: Source, rises: Sequence[Rise], received: int) -> None:
    """The same for counters' moves. This loop is most of what a use costs the ledger: hence it is one."""
    if not rises:
        return
    _grow(source, sum(last - first for _, _, first, last, _ in rises))
    rows, hours, arrived, before = [], [], spelled(received), None
    seq, link = source.seq, source.link
    for (incarnation, at, first, last, time), salt in zip(rises, _salts(len(rises)), strict=True):
        seq += 1
        if time != before:  # most of a batch have one
            before, said, marks = time, spelled(time), _when(time, received)
        uses, hook = last - first, at.hook
        name = f"{incarnation}:{hook if ':' not in hook else name_in_id(hook)}:{at.subject or ''}:{first}-{last}"
        record = Record(  # by place, which is the alphabet's: names would cost more than the digests
            None, None, None, at.feature, hook, at.host, name, "use", marks, f"urn:meterize:{incarnation}", at.package,
            at.policy or None, arrived, salt.hex(), seq, source.name, at.subject, said, uses, None,
        )  # fmt: skip
        link = sha256(link + sha256(canonical(record)).digest()).digest()
        rows.append((source.id, seq, "use", at.account_id, at.id, last, uses, time, received, marks, salt, link))
        hours.append((at.account_id, time, uses))
    source.seq, source.link = seq, link
    _INSERT_USES(connection, rows)
    add_hours(connection, hours)
    move_end(connection, source)


def _grow(source: Source, uses: int) -> None:
    source.uses += uses
    if source.uses > USES_LIMIT:
        raise Refused(
            f"the source {source.name!r} would hold more than {USES_LIMIT} uses",
            slug="uses-limit",
            hint="A total that large is a mistake of the sender. Nothing of the request was recorded.",
        )


def _salts(count: int) -> list[bytes]:
    drawn = os.urandom(SALT * count)
    return [drawn[at : at + SALT] for at in range(0, len(drawn), SALT)]


def _follow(source: Source, record: Record) -> None:
    source.link = sha256(source.link + sha256(canonical(record)).digest()).digest()


def _when(time: int, received: int) -> str | None:
    return "late" if received - time > LATE else "early" if time - received > EARLY else None


def _marks(draft: Draft, received: int) -> str | None:
    when = None if draft.kind in ("correction", "seal") else _when(draft.time, received)
    return ",".join(filter(None, (draft.marks, when))) or None


def _record(draft: Draft, source: Source, received: str, salt: bytes, marks: str | None) -> Record:
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
        salt=salt.hex(),
        seq=source.seq,
        source=source.name,
        subject=account.subject,
        time=spelled(draft.time),
        uses=draft.uses,
        why=draft.why,
    )


def _row(draft: Draft, source: Source, received: int, salt: bytes, marks: str | None) -> tuple[Any, ...]:
    own = (draft.origin, draft.id, draft.hook, draft.policy, draft.data)
    amending = (draft.amends, draft.amends_key, draft.asked_by, draft.why)
    return (
        source.id, source.seq, draft.key, draft.kind, draft.account_id, draft.uses, draft.time, received, marks,
        *own, *amending, salt, source.link,
    )  # fmt: skip


def _inserting(*left_out: str) -> Many:
    names = tuple(column.name for column in records.columns if column.name not in left_out)
    return Many(lambda _: insert(records), names)


_OWN: Final = ("key", "origin", "name", "hook", "policy", "data", "amends", "amends_key", "asked_by", "why")
_INSERT_USES: Final = _inserting(*_OWN)
_INSERT: Final = _inserting("counter_id", "total")
