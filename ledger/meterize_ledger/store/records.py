"""Records, found again: by what makes them the same, and by what amends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, select

from .keyed import Find
from .schema import accounts, past_keys, records

_KNOWN: Final = Find(select(records.c.key).where(records.c.key.in_(bindparam("keys", expanding=True))))
_PAST: Final = Find(select(past_keys.c.key).where(past_keys.c.key.in_(bindparam("keys", expanding=True))))


class Content(NamedTuple):
    """What a record counts: of whom, what, how much and when (None: whenever it arrived)."""

    feature: str
    package: str | None
    subject: str | None
    uses: int
    time: int | None


_CONTENT: Final = Find(
    select(records.c.key, accounts.c.feature, accounts.c.package, accounts.c.subject, records.c.uses, records.c.time)
    .join_from(records, accounts)
    .where(records.c.key.in_(bindparam("keys", expanding=True)))
)


def contents(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, Content]:
    """What the records of these keys count; of those that are gone nobody knows any more."""
    return {bytes(row[0]): Content(*row[1:]) for row in _CONTENT(connection, keys)}


def known(connection: Connection, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the keys that records have, or had before retention let go of them."""
    wanted = list(keys)
    found = {bytes(row[0]) for row in _KNOWN(connection, wanted)}
    return found | {bytes(row[0]) for row in _PAST(connection, [key for key in wanted if key not in found])}


def amended(connection: Connection, key: bytes) -> int:
    """What the corrections of a record add to its uses."""
    total = connection.scalar(select(func.sum(records.c.uses)).where(records.c.amends_key == key))
    return int(total or 0)


def find_correction(connection: Connection, key: bytes) -> Row[*tuple[Any, ...]] | None:
    """What a correction amends, by how much, and who asked for it and why; None where there is none, or it is gone."""
    wanted = select(records.c.amends_key, records.c.uses, records.c.asked_by, records.c.why)
    return connection.execute(wanted.where(records.c.key == key, records.c.amends_key.is_not(None))).first()
