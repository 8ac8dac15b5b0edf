"""Corrections: a record that amends another one, says who asked and why, and changes nothing that is there."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row

from meterize_ledger.errors import NotFound, Refused
from meterize_ledger.model.record import identity
from meterize_ledger.model.time import micros
from meterize_ledger.store.appending import Draft, append
from meterize_ledger.store.database import Database
from meterize_ledger.store.reading import Whole, find_record
from meterize_ledger.store.records import amended, find_correction, known
from meterize_ledger.store.seals import sealed_at
from meterize_ledger.store.sources import lock_source

ORIGIN = "urn:meterize:correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What was done: how many uses the record counted with all corrections before, and counts now."""

    id: str
    amends: str
    before: int
    after: int


def correct(database: Database, source: str, seq: int, uses: int, *, by: str, why: str, name: str | None = None) -> Correction:
    """Add ``uses`` (a negative number takes away) to the record of that number in the source's chain, by a new record.

    It falls into the hour of the record that it amends. With the same ``name`` it is done once, however often it is asked.
    Raises NotFound, Refused, Unavailable.
    """
    if not by.strip() or not why.strip() or uses == 0:
        raise Refused(
            "a correction says by how much, who asked for it and why",
            slug="correction-refused",
            hint="Give --uses (not 0), --by and --why.",
        )
    now, name = micros(datetime.now(UTC)), name or str(uuid.uuid4())

    def work(connection: Connection) -> Correction:
        owner = lock_source(connection, source)
        found = find_record(connection, source, seq)
        if found is None or seq <= sealed_at(connection, source):
            raise NotFound(
                f"the chain of {source!r} has no record {seq}",
                slug="no-such-record",
                hint="`meterize ledger export` shows those that there are; `retain` may have let go of older ones.",
            )
        key = identity(ORIGIN, name)
        before = found.record.uses + amended(connection, found.key)
        if key in known(connection, [key]):
            _check_again(find_correction(connection, key), found.key, uses, by, why, name)
            return Correction(id=name, amends=found.record.id, before=before, after=before)
        if found.record.kind == "correction" or before + uses < 0:
            raise Refused(
                f"record {seq} of {source!r} counts {before} uses with its corrections, and is a {found.record.kind}",
                slug="correction-refused",
                hint="Amend the use itself, and take away no more than it counts.",
            )
        append(connection, owner, [_draft(found, key, name, uses, by, why)], now)
        return Correction(id=name, amends=found.record.id, before=before, after=before + uses)

    return database.write(work)


def _check_again(stood: Row[*tuple[Any, ...]] | None, amends: bytes, uses: int, by: str, why: str, name: str) -> None:
    """Raises Refused where the correction of that name was another one. (One that retention let go of nobody can compare.)"""
    if stood is not None and (bytes(stood.amends_key), stood.uses, stood.asked_by, stood.why) != (amends, uses, by, why):
        raise Refused(
            f"the correction {name!r} was recorded before with other content, which stands",
            slug="correction-refused",
            hint="Choose another --id for another correction.",
        )


def _draft(found: Whole, key: bytes, name: str, uses: int, by: str, why: str) -> Draft:
    return Draft(
        key=key,
        kind="correction",
        id=name,
        origin=ORIGIN,
        account=found.account,
        account_id=found.account_id,
        uses=uses,
        time=found.time,
        hook=found.record.hook,
        policy=found.record.policy,
        amends=found.record.id,
        amends_key=found.key,
        asked_by=by,
        why=why,
    )
