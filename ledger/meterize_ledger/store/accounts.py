"""Accounts: who uses what, where; each is written once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, bindparam, select

from .keyed import Find, adding, key_of
from .schema import accounts


class Account(Struct, frozen=True, gc=False):
    """What uses are added up by."""

    feature: str
    package: str | None = None
    subject: str | None = None
    host: str | None = None


_FIND: Final = Find(select(accounts.c.key, accounts.c.id).where(accounts.c.key.in_(bindparam("keys", expanding=True))))


def account_ids(connection: Connection, wanted: Iterable[Account]) -> dict[Account, int]:
    """The numbers of these accounts, added where they are new."""
    keys = {key_of(each.feature, each.package, each.subject, each.host): each for each in wanted}
    found = _numbers(connection, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        _ADD(connection, [_row(key, keys[key]) for key in sorted(missing)])
        found |= _numbers(connection, missing)
    return {account: found[key] for key, account in keys.items()}


def _numbers(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, int]:
    return dict(_FIND(connection, keys))


def _row(key: bytes, each: Account) -> tuple[object, ...]:
    return key, each.feature, each.package, each.subject, each.host


_ADD: Final = adding(accounts, "feature", "package", "subject", "host")


def subject_names(connection: Connection) -> list[str]:
    """All subjects that anything was ever recorded of."""
    return list(connection.scalars(select(accounts.c.subject).where(accounts.c.subject.is_not(None)).distinct()))
