"""Backfill: usage from a file, recorded once however often the file is imported."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from msgspec import ValidationError, convert
from sqlalchemy import Connection

from meterize_ledger.errors import Refused
from meterize_ledger.model.event import Event
from meterize_ledger.model.text import storable
from meterize_ledger.store.database import Database
from meterize_ledger.store.sources import add_source

from .events import take_events

PAGE: Final = 1000
MARK: Final = "imported"
NEEDED: Final = ("id", "time", "feature")
COLUMNS: Final = (*NEEDED, "uses", "subject", "package", "origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfilled:
    """How many uses a file told of, how many of those are recorded now, and how many were before, with other content."""

    read: int
    recorded: int
    differing: int


def backfill(database: Database, source: str, path: Path, now: int) -> Backfilled:
    """Record what the file tells as the source's, which is made where it is new: CSV with a head (id, time, feature; also uses,
    subject, package, origin), or a CloudEvent on each line.

    A file with anything wrong in it is refused before anything is recorded; one whose import was cut short is imported again.
    Raises Refused with the lines that are wrong, Unavailable.
    """
    read = recorded = differing = 0
    for _ in _events(path, source):
        read += 1
    database.write(lambda connection: _make(connection, source, now))
    events = _events(path, source)
    while page := list(islice(events, PAGE)):
        taken = take_events(database, source, page, mark=MARK)
        recorded, differing = recorded + taken.recorded, differing + taken.differing
    return Backfilled(read=read, recorded=recorded, differing=differing)


def _make(connection: Connection, source: str, now: int) -> None:
    add_source(connection, source, now)


def _events(path: Path, source: str) -> Iterator[Event]:
    read = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows: Iterator[Any] = _csv_rows(file, source) if path.suffix == ".csv" else map(json.loads, file)
            for row in rows:
                yield convert(storable(row), Event)
                read += 1
    except OSError as error:
        raise Refused(
            f"{path} cannot be read: {error.strerror or error}",
            slug="import-refused",
            hint="Name a file that is there, and may be read.",
        ) from error
    except (ValueError, ValidationError, csv.Error, RecursionError) as error:
        raise Refused(
            f"{path}, row {read + 1}: {_reason(error)}",
            slug="import-refused",
            hint=f"CSV with {', '.join(COLUMNS)}, or a CloudEvent on each line. Nothing of the file was recorded.",
        ) from error


def _reason(error: Exception) -> str:
    text = str(error)
    return f"{text}; a time is such as 2026-11-22T09:00:00Z" if "$.time" in text else text


def _csv_rows(file: Any, source: str) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(file, strict=True)
    heads = reader.fieldnames or ()
    if not set(NEEDED) <= set(heads) <= set(COLUMNS):
        wrong = [f"lacks {', '.join(lacking)}"] if (lacking := [each for each in NEEDED if each not in heads]) else []
        wrong += [f"has no use for {', '.join(other)}"] if (other := [each for each in heads if each not in COLUMNS]) else []
        raise ValueError(
            f"the head {' and '.join(wrong)}: {', '.join(NEEDED)} are needed, "
            f"{', '.join(COLUMNS[len(NEEDED) :])} may be there, and commas separate them"
        )
    for row in reader:
        if None in row or None in row.values():
            raise ValueError("a row has another number of cells than the head")
        yield {
            "specversion": "1.0",
            "id": row["id"],
            "source": row.get("origin") or f"urn:meterize:import:{source}",
            "type": row["feature"],
            "subject": row.get("subject") or None,
            "time": row["time"],
            "data": {"value": row.get("uses") or "1", **({"package": row["package"]} if row.get("package") else {})},
        }
