"""Exports: the records of a ledger as rows that can be proved; what a reader may not see is there as its leaf alone."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from msgspec.structs import asdict
from sqlalchemy import Connection

from meterize_ledger.errors import Refused
from meterize_ledger.model.record import Link, leaf
from meterize_ledger.model.time import micros
from meterize_ledger.store.accounts import subject_names
from meterize_ledger.store.database import Database
from meterize_ledger.store.reading import Whole, walk_chain
from meterize_ledger.store.seals import Cut, seals
from meterize_ledger.store.sources import NAMED, chain_ends, no_source, source_names, sources_of

Cell = str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records are shown whole: of one subject (or all), of one source (or all), between two moments (or all)."""

    subject: str | None = None
    source: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    def shows(self, whole: Whole) -> bool:
        """Whether a record is one of them."""
        return (
            (self.subject is None or self.subject == whole.record.subject)
            and (self.start is None or whole.time >= micros(self.start))
            and (self.end is None or whole.time < micros(self.end))
        )


def ends(database: Database) -> list[Link]:
    """The end of every chain: what one writes down, to hold the ledger to it later."""
    with database.reading() as connection:
        return chain_ends(connection)


def export_rows(database: Database, selection: Selection) -> Generator[Mapping[str, Cell], None, None]:
    """All chains as rows of one state of the ledger; of a subject those of every source that ever had a record of it.

    A chain that was let go of up to a record begins with that one's number and link alone.
    Whoever does not read it to its end closes it: it holds a connection.
    """
    with database.reading() as connection:
        sealed = seals(connection)
        own = None if selection.subject is None else sources_of(connection, selection.subject)
        for end in chain_ends(connection):
            begin = sealed.get(end.source)
            first = 1 if begin is None else begin.seq + 1
            if selection.source not in (None, end.source) or (own is not None and end.source not in own):
                continue
            if begin is not None:
                yield asdict(begin)
            for whole in walk_chain(connection, end.source, first):
                yield _row(whole, shown=selection.shows(whole) or whole.record.kind == "seal")


def check_selection(database: Database, selection: Selection) -> None:
    """Raises Refused where there is no such source or subject, with those that are alike, or the two have nothing in common."""
    source, subject = selection.source, selection.subject
    with database.reading() as connection:
        if source is not None and source not in source_names(connection):
            raise no_source(connection, source)
        own = set() if subject is None else sources_of(connection, subject)
        if subject is None or (own and source in (None, *own)):
            return
        if own:
            message = f"the source {source!r} never had a record of the subject {subject!r}"
            hint = f"These did: {', '.join(sorted(own)[:NAMED])}."
        else:
            message = f"no source ever had a record of the subject {subject!r}"
            near = get_close_matches(subject, subject_names(connection), NAMED)
            hint = (
                f"Alike are: {', '.join(near)}."
                if near
                else "No subject is called alike; GET /api/v1/usage?by=subject lists them."
            )
    raise Refused(message, slug="no-such-subject", hint=hint)


def archive_rows(connection: Connection, cuts: Sequence[Cut]) -> Iterator[Mapping[str, Cell]]:
    """What is about to be let go of, in the transaction that found it: each chain from its seal to its cut, all of it shown."""
    for cut in cuts:
        if cut.sealed.seq:
            yield asdict(cut.sealed)
        for whole in walk_chain(connection, cut.end.source, cut.sealed.seq + 1):
            if whole.record.seq > cut.end.seq:
                break
            yield _row(whole, shown=True)


def _row(whole: Whole, *, shown: bool) -> Mapping[str, Cell]:
    proof = {"leaf": leaf(whole.record).hex(), "link": whole.link.hex()}
    if shown:
        return {**asdict(whole.record), **proof}
    return {"source": whole.record.source, "seq": whole.record.seq, **proof}
