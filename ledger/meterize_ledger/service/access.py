"""Who may come in: makes, lists and revokes tokens, and says what one allows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from meterize_ledger.errors import Forbidden, NotFound, Refused, Unauthorized
from meterize_ledger.model.time import micros
from meterize_ledger.model.token import Grant, Scope, matches, new_token, token_id
from meterize_ledger.store.database import Database
from meterize_ledger.store.sources import add_source
from meterize_ledger.store.tokens import add_token, find_token, list_tokens, revoke_token

NAME_LENGTH = 200


def make_source_token(database: Database, source: str) -> tuple[Grant, str]:
    """A token that may send as this source (made where it is new), and its text, which is nowhere else."""
    return _make(database, name=source, scopes=("ingest",), source=source, subject=None)


def make_reader_token(
    database: Database, name: str, *, scopes: tuple[Scope, ...] = ("read", "export"), subject: str | None = None
) -> tuple[Grant, str]:
    """A token that may read: everybody's uses, or one subject's alone."""
    return _make(database, name=name, scopes=scopes, source=None, subject=subject)


def _make(
    database: Database, *, name: str, scopes: tuple[Scope, ...], source: str | None, subject: str | None
) -> tuple[Grant, str]:
    for text in (name, subject):
        if text is not None and not (0 < len(text) <= NAME_LENGTH and text.isprintable()):
            raise Refused(
                f"{text!r} is no name: 1 to {NAME_LENGTH} printable characters",
                slug="bad-name",
                hint="Choose another one.",
            )
    now = micros(datetime.now(UTC))
    public, text, digest = new_token()
    grant = Grant(id=public, name=name, scopes=scopes, source=source, subject=subject, made=now)

    def work(connection: Connection) -> None:
        if source is not None:
            add_source(connection, source, now)
        add_token(connection, grant, digest)

    database.write(work)
    return grant, text


def tokens(database: Database) -> Sequence[Grant]:
    """All tokens that were ever made; their texts are not known."""
    with database.reading() as connection:
        return list_tokens(connection)


def revoke(database: Database, public: str) -> None:
    """From now on the token is refused. Raises NotFound."""
    now = micros(datetime.now(UTC))
    if not database.write(lambda connection: revoke_token(connection, public, now)):
        raise NotFound(
            f"there is no token {public!r}", slug="no-such-token", hint="`meterize ledger token list` shows their ids."
        )


def admit(database: Database, text: str | None, scope: Scope) -> Grant:
    """What the token allows, which includes the scope. Raises Unauthorized, Forbidden."""
    public = None if text is None else token_id(text)
    found = None
    if public is not None:
        with database.reading() as connection:
            found = find_token(connection, public)
    if text is None or found is None or not matches(text, found[1]) or found[0].revoked is not None:
        raise Unauthorized(
            "no token, or one that is not known here, or was revoked",
            slug="token-refused",
            hint="Send `Authorization: Bearer TOKEN`; `meterize ledger token add` makes one.",
        )
    if scope not in found[0].scopes:
        raise Forbidden(
            f"this token is not for {scope!r}",
            slug="scope-missing",
            hint="Sources send, readers read: `meterize ledger token add` makes a token of the other kind.",
        )
    return found[0]
