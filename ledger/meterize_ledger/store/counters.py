"""Counters: the highest total that each process has reported of a hook and a subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from meterize_ledger.model.report import Counter

from .accounts import Account, account_ids
from .arrays import array
from .keyed import Find, adding
from .schema import accounts, counters


class Standing(Struct, gc=False):
    """A counter as the ledger has it in this transaction, with the names that it was first reported under."""

    key: bytes
    id: int
    account_id: int
    hook: str
    policy: str
    total: int
    feature: str
    package: str | None
    subject: str | None
    host: str | None


def counter_keys(incarnation: str, reported: Iterable[Counter]) -> list[bytes]:
    """What makes each the same counter: 16 bytes of a digest of its process, its hook and its subject, or that there is none.

    Nothing else does: a feature, package, policy or host that is told otherwise later neither splits nor doubles a total.
    """
    texts = [
        f"{incarnation}:{len(each.hook)}:{each.hook}{'-' if each.subject is None else f':{each.subject}'}" for each in reported
    ]
    return [sha256(text.encode()).digest()[:16] for text in texts]


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
    return {row[0]: Standing(*row) for row in _FIND(connection, keys)}


def add_counters(connection: Connection, new: Mapping[bytes, tuple[int, str, Counter]]) -> None:
    """Counters that nobody has reported before, at 0: by key the process's number, its host, and the counter."""
    accounted = {key: _account(host, counter) for key, (_, host, counter) in new.items()}
    ids = account_ids(connection, set(accounted.values()))
    rows = [
        (key, process, ids[accounted[key]], counter.hook, counter.policy, 0)
        for key, (process, _, counter) in sorted(new.items(), key=lambda item: item[0])
    ]
    _ADD(connection, rows)


_ADD: Final = adding(counters, "process_id", "account_id", "hook", "policy", "total")
_RAISE: Final = "UPDATE counters SET total = ? WHERE id = ? AND total = ?"
_RAISE_ALL: Final = (
    "UPDATE counters SET total = risen.past FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS risen (past, id, first) "
    "WHERE counters.id = risen.id AND counters.total = risen.first"
)


def raise_totals(connection: Connection, changed: Mapping[int, tuple[int, int]]) -> None:
    """Counters move from one total to a larger one, by their numbers: (from, to).

    The caller holds the source's lock, so that all of them stand where it saw them. It is this move, made once, that keeps
    a use from a second record.
    """
    if not changed:
        return
    moves = [(last, which, first) for which, (first, last) in changed.items()]
    if connection.dialect.name == "sqlite":
        moved = connection.exec_driver_sql(_RAISE, moves).rowcount
    else:
        moved = connection.exec_driver_sql(_RAISE_ALL, tuple(map(array, zip(*moves, strict=True)))).rowcount
    if moved != len(moves):
        raise AssertionError(f"{len(moves) - moved} counters were not where they stood in the same transaction")


def _account(host: str, counter: Counter) -> Account:
    return Account(counter.feature, counter.package or None, counter.subject, host or None)
