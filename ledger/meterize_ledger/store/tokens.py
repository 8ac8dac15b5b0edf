"""Tokens: digests and what they allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from meterize_ledger.model.token import SCOPES, Grant

from .schema import tokens


def add_token(connection: Connection, grant: Grant, digest: bytes) -> None:
    """Keep a new token."""
    connection.execute(
        insert(tokens),
        {
            "id": grant.id,
            "digest": digest,
            "name": grant.name,
            "scopes": " ".join(grant.scopes),
            "source": grant.source,
            "subject": grant.subject,
            "made": grant.made,
        },
    )


def find_token(connection: Connection, name: str) -> tuple[Grant, bytes] | None:
    """What a token allows, and its digest; None where there is none."""
    row = connection.execute(select(tokens).where(tokens.c.id == name)).first()
    return None if row is None else (_grant(row), bytes(row.digest))


def list_tokens(connection: Connection) -> Sequence[Grant]:
    """All tokens, the oldest first."""
    return [_grant(row) for row in connection.execute(select(tokens).order_by(tokens.c.made, tokens.c.id))]


def revoke_token(connection: Connection, name: str, now: int) -> bool:
    """Whether the token is there; revoked from now on, or as before."""
    connection.execute(update(tokens).where(tokens.c.id == name, tokens.c.revoked.is_(None)).values(revoked=now))
    return connection.execute(select(tokens.c.id).where(tokens.c.id == name)).first() is not None


def _grant(row: Row[Any]) -> Grant:
    allowed = row.scopes.split()
    return Grant(
        id=row.id,
        name=row.name,
        scopes=tuple(scope for scope in SCOPES if scope in allowed),
        source=row.source,
        subject=row.subject,
        made=row.made,
        revoked=row.revoked,
    )
