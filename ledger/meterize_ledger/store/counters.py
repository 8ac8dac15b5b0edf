"""Counters: the highest total that each process has reported of a hook and a subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from meterize_ledger.model.report import Counter

from .accounts import Account, account_ids
from .keyed import Find, add_missing
from .schema import accounts, counters


class Standing(Struct, kw_only=True, gc=False):
    """A counter as the ledger has it in this transaction, with the names that it was first reported under."""

    key: bytes
    id: int
    account_id: int
    account: Account
    hook: str
    policy: str
    total: int


def counter_key(incarnation: str, counter: Counter) -> bytes:
    """What makes it the same counter: 16 bytes of a digest of its process, its hook and its subject, or that there is none."""
    subject = "-" if counter.subject is None else f":{counter.subject}"
    return sha256(f"{incarnation}:{len(counter.hook)}:{counter.hook}{subject}".encode()).digest()[:16]


_FIND: Final = Find(
    select(
        counters.c.key,
        counters.c.id,
        counters.c.account_id,
        counters.c.hook,
        counters.c.policy,
        counters.c.total,
        accounts.c.feature,
        accounts.c.package,
        accounts.c.subject,
        accounts.c.host,
    )
    .join_from(counters, accounts)
    .where(counters.c.key.in_(bindparam("keys", expanding=True)))
)


def standing(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, Standing]:
    """Those of the counters that are there, by key."""
    return {
        row[0]: Standing(
            key=row[0],
            id=row[1],
            account_id=row[2],
            hook=row[3],
            policy=row[4],
            total=row[5],
            account=Account(row[6], row[7], row[8], row[9]),
        )
        for row in _FIND(connection, keys)
    }


def add_counters(connection: Connection, new: Mapping[bytes, tuple[int, str, Counter]]) -> None:
    """Counters that nobody has reported before, at 0: by key the process's number, its host, and the counter."""
    ids = account_ids(connection, {_account(host, counter) for _, host, counter in new.values()})
    rows = [
        {
            "key": key,
            "process_id": process,
            "account_id": ids[_account(host, counter)],
            "hook": counter.hook,
            "policy": counter.policy,
            "total": 0,
        }
        for key, (process, host, counter) in new.items()
    ]
    add_missing(connection, counters, rows)


_RAISE: Final = "UPDATE counters SET total = ? WHERE id = ?"
_RAISE_ALL: Final = (
    "UPDATE counters SET total = risen.total FROM unnest(%s::bigint[], %s::bigint[]) AS risen (id, total) "
    "WHERE counters.id = risen.id"
)


def raise_totals(connection: Connection, changed: Mapping[int, int]) -> None:
    """The new totals, by the counter's number. (Whoever calls holds the source's lock and has taken the larger one.)"""
    if not changed:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_RAISE, [(total, which) for which, total in changed.items()])
    else:
        connection.exec_driver_sql(_RAISE_ALL, (list(changed), list(changed.values())))


def _account(host: str, counter: Counter) -> Account:
    return Account(counter.feature, counter.package or None, counter.subject, host or None)
