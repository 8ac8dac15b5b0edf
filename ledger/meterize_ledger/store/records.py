"""Records, found again: by what makes them the same, and by what amends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from .keyed import Find
from .schema import past_keys, records

_KNOWN: Final = Find(select(records.c.key).where(records.c.key.in_(bindparam("keys", expanding=True))))
_PAST: Final = Find(select(past_keys.c.key).where(past_keys.c.key.in_(bindparam("keys", expanding=True))))


def known(connection: Connection, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the keys that records have, or had before retention let go of them."""
    wanted = list(keys)
    found = {bytes(row[0]) for row in _KNOWN(connection, wanted)}
    return found | {bytes(row[0]) for row in _PAST(connection, [key for key in wanted if key not in found])}


def amended(connection: Connection, key: bytes) -> int:
    """What the corrections of a record add to its uses."""
    total = connection.scalar(select(func.sum(records.c.uses)).where(records.c.amends_key == key))
    return int(total or 0)
