"""``meterize ledger token``: add, list, revoke."""

from __future__ import annotations

import click

from meterize_ledger.errors import Refused
from meterize_ledger.model.time import spelled
from meterize_ledger.model.token import SCOPES, Grant, Scope
from meterize_ledger.service import access
from meterize_ledger.service.ledger import open_ledger

from . import output


@click.group()
def token() -> None:
    """Make, list and revoke tokens. The ledger keeps digests of them alone: a token is shown once, when it is made.

    \b
    Example:
      meterize ledger token add --source web-1
      meterize ledger token add --reader ada --subject ada
    """


@token.command()
@output.database_option
@click.option("--source", help="For what sends: the name that its records are chained under.")
@click.option("--reader", help="For who reads: any name.")
@click.option("--subject", help="Let the reader see this subject's uses alone.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES[1:]), help="What the reader may do.  [default: both]"
)
@output.json_option
def add(
    database: str | None, source: str | None, reader: str | None, subject: str | None, scopes: tuple[Scope, ...], as_json: bool
) -> None:
    """Make a token, and print it. It cannot be shown again."""
    if (source is None) == (reader is None) or (source is not None and (subject is not None or scopes)):
        raise Refused(
            "a token is a source's or a reader's, and only a reader's has a subject and scopes",
            slug="token-of-whom",
            hint="meterize ledger token add --source NAME, or --reader NAME [--subject NAME] [--scope read]",
        )
    opened = open_ledger(database)
    if source is not None:
        grant, text = access.make_source_token(opened, source)
    else:
        grant, text = access.make_reader_token(opened, str(reader), scopes=scopes or SCOPES[1:], subject=subject)
    if as_json:
        output.print_json({**_as_mapping(grant), "token": text})
    else:
        click.echo(text)


@token.command(name="list")
@output.database_option
@output.json_option
def list_all(database: str | None, as_json: bool) -> None:
    """Show all tokens that were made, by their ids."""
    grants = access.tokens(open_ledger(database))
    if as_json:
        output.print_json({"tokens": [_as_mapping(grant) for grant in grants]})
        return
    rows = [
        (grant.id, grant.name, " ".join(grant.scopes), grant.subject or "", "revoked" if grant.revoked else "")
        for grant in grants
    ]
    output.print_table(("id", "name", "scopes", "subject", ""), rows)


@token.command()
@click.argument("token_id", metavar="ID")
@output.database_option
@output.json_option
def revoke(token_id: str, database: str | None, as_json: bool) -> None:
    """Refuse a token from now on, by its id (or the token itself)."""
    parts = token_id.split("_")
    name = parts[1] if len(parts) > 2 else token_id
    access.revoke(open_ledger(database), name)
    if as_json:
        output.print_json({"revoked": name})
    else:
        output.say(f"The token {name} is refused from now on.")


def _as_mapping(grant: Grant) -> dict[str, object]:
    return {
        "id": grant.id,
        "name": grant.name,
        "scopes": list(grant.scopes),
        "source": grant.source,
        "subject": grant.subject,
        "made": spelled(grant.made),
        "revoked": None if grant.revoked is None else spelled(grant.revoked),
    }
