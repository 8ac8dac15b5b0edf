"""``meterize ledger token``: add, list, revoke."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from meterize_ledger.errors import Refused, Unavailable
from meterize_ledger.model.time import spelled
from meterize_ledger.model.token import SCOPES, Grant, Scope
from meterize_ledger.service import access
from meterize_ledger.service.ledger import open_ledger

from . import output, show_help


@click.group(invoke_without_command=True)
@click.pass_context
def token(context: click.Context) -> int | None:
    """Make, list and revoke tokens. The ledger keeps digests of them alone: a token is shown once, when it is made.

    \b
    Example:
      meterize ledger token add --source web-1 --to web-1.token
      meterize ledger token add --reader ada --subject ada
    """
    return show_help(context)


@token.command()
@output.database_option
@click.option("--source", help="For what sends: the name that its records are chained under.")
@click.option("--reader", help="For who reads: any name.")
@click.option("--subject", help="Let the reader see this subject's uses alone.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(SCOPES[1:]), help="What the reader may do.  [default: both]"
)
@click.option(
    "--to",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to a new file that its owner alone may read, instead of showing it.",
)
@output.json_option
def add(
    database: str | None,
    source: str | None,
    reader: str | None,
    subject: str | None,
    scopes: tuple[Scope, ...],
    file: Path | None,
    as_json: bool,
) -> None:
    """Make a token, and print it. It cannot be shown again."""
    _check(source, reader, subject, scopes)
    with _kept(file) as descriptor:
        opened = open_ledger(database)
        if source is not None:
            grant, text = access.make_source_token(opened, source)
        else:
            grant, text = access.make_reader_token(opened, str(reader), scopes=scopes or SCOPES[1:], subject=subject)
        if descriptor is not None:
            os.write(descriptor, f"{text}\n".encode())
    if as_json:
        output.print_json({**_as_mapping(grant), **({"token": text} if file is None else {"file": str(file)})})
    elif file is None:
        click.echo(text)
    else:
        output.say(f"The token {grant.id} of {output.printable(grant.name)} is in {file}.")


def _check(source: str | None, reader: str | None, subject: str | None, scopes: tuple[Scope, ...]) -> None:
    if (source is None) == (reader is None) or (source is not None and (subject is not None or scopes)):
        raise Refused(
            "a token is a source's or a reader's, and only a reader's has a subject and scopes",
            slug="token-of-whom",
            hint="meterize ledger token add --source NAME, or --reader NAME [--subject NAME] [--scope read]",
        )


@contextmanager
def _kept(file: Path | None) -> Iterator[int | None]:
    """A descriptor of the new file, which is there before the token and goes again if there is none. Raises Unavailable."""
    if file is None:
        yield None
        return
    descriptor = None
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        yield descriptor
    except BaseException as error:
        if descriptor is not None:
            file.unlink()
        if not isinstance(error, OSError):
            raise
        missing = not file.parent.is_dir()
        raise Unavailable(
            f"{file} cannot be written: " + (f"there is no folder {file.parent}" if missing else str(error.strerror)),
            slug="token-file",
            hint="Make the folder first; no token was made." if missing else "Name a file that is not there yet.",
        ) from error
    finally:
        if descriptor is not None:
            os.close(descriptor)


@token.command(name="list")
@output.database_option
@output.json_option
def list_all(database: str | None, as_json: bool) -> None:
    """Show all tokens that were made, by their ids."""
    grants = access.tokens(open_ledger(database, make=False))
    if as_json:
        output.print_json({"tokens": [_as_mapping(grant) for grant in grants]})
        return
    rows = [
        (
            grant.id,
            "reader" if grant.source is None else "source",
            output.printable(grant.name),
            " ".join(grant.scopes),
            output.printable(grant.subject or ""),
            spelled(grant.made)[:10],
            f"revoked {spelled(grant.revoked)[:10]}" if grant.revoked else "valid",
        )
        for grant in grants
    ]
    output.print_table(("id", "of a", "name", "scopes", "subject", "made", "state"), rows)


@token.command()
@click.argument("token_id", metavar="ID")
@output.database_option
@output.json_option
def revoke(token_id: str, database: str | None, as_json: bool) -> None:
    """Refuse a token from now on, by its id (or the token itself)."""
    parts = token_id.split("_")
    name = parts[1] if len(parts) > 2 else token_id
    access.revoke(open_ledger(database, make=False), name)
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
