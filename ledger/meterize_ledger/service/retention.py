"""Retention: old records leave the ledger for an archive, sealed, and what remains can still be proved."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from meterize_ledger.errors import Unavailable
from meterize_ledger.model.record import Seal, canonical, identity
from meterize_ledger.model.time import micros, spelled
from meterize_ledger.proof import prove, read_rows
from meterize_ledger.store.accounts import Account, account_ids
from meterize_ledger.store.appending import Draft, append
from meterize_ledger.store.database import Database
from meterize_ledger.store.seals import Cut, cuts, drop_sealed, move_seal
from meterize_ledger.store.sources import lock_source

from .exports import archive_rows
from .written import write_rows

ORIGIN: Final = "urn:meterize:retention"
FEATURE: Final = "meterize.seal"
CHUNK: Final = 5000
"""Records that are dropped in one transaction: nobody waits long for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained:
    """What was let go of: up to which record of which source, how many records that were, and the file that has them."""

    cuts: tuple[Cut, ...]
    dropped: int
    archive: Path | None


def retain(database: Database, until: datetime, folder: Path, *, by: str) -> Retained:
    """Let go of records that arrived before a moment: their sums, their counters' totals and their keys stay.

    First they are written to a new file in the folder, which is read back and proved. Then each chain gets a record, the seal,
    that names the file's SHA-256 and the link at which the chain is cut; only after that are records dropped. Killed at any
    moment, it goes on when it is called again.
    Raises Unavailable where the archive cannot be written or does not prove itself: nothing is sealed then.
    """
    before = micros(until)
    archive = folder / f"sealed-{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z.jsonl"
    with database.reading() as connection:
        found = cuts(connection, before)
        digest = _archived(connection, found, archive) if found else ""
    if found:
        database.write(partial(_seal, found=found, digest=digest, before=before, by=by))
    dropped = 0
    while count := database.write(_drop):
        dropped += count
    return Retained(cuts=tuple(found), dropped=dropped, archive=archive if digest else None)


def _archived(connection: Connection, found: list[Cut], archive: Path) -> str:
    """The SHA-256 of the file, which is on the disk."""
    write_rows(archive_rows(connection, found), archive, "json")
    ends = [(link.source, link.seq, link.link) for cut in found for link in (cut.sealed, cut.end) if link.seq]
    if not prove(read_rows(archive), ends).holds:
        raise Unavailable(
            f"{archive} does not prove itself",
            slug="archive-unproved",
            hint="Nothing was sealed or dropped. The ledger or the disk is damaged: `meterize ledger prove` says where.",
        )
    with archive.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _seal(connection: Connection, found: list[Cut], digest: str, before: int, by: str) -> None:
    """All of them in one transaction: an archive is named by all of its chains, or by none."""
    account = Account(FEATURE)
    number = account_ids(connection, [account])[account]
    for cut in found:
        source = lock_source(connection, cut.end.source)
        if not move_seal(connection, cut):
            raise Unavailable(
                "somebody else retains at the same time", slug="ledger-busy", hint="Nothing was sealed by this; try again."
            )
        now = micros(datetime.now(UTC))
        append(connection, source, [_draft(cut, account, number, now, digest, before, by)], now)


def _draft(cut: Cut, account: Account, number: int, now: int, digest: str, before: int, by: str) -> Draft:
    said = Seal(archive=digest, before=spelled(before), link=cut.end.link, seq=cut.end.seq)
    name = f"{cut.end.source}:{cut.end.seq}"
    return Draft(
        key=identity(ORIGIN, name),
        kind="seal",
        id=name,
        origin=ORIGIN,
        account=account,
        account_id=number,
        uses=0,
        time=now,
        data=canonical(said).decode(),
        asked_by=by,
        why="retention",
    )


def _drop(connection: Connection) -> int:
    return drop_sealed(connection, CHUNK)
