"""Exports as files: CSV, JSON lines, Parquet; whole under their name, or not there."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from meterize_ledger.errors import Refused, Unavailable
from meterize_ledger.model.record import Link
from meterize_ledger.proof.chain import COLUMNS
from meterize_ledger.store.database import Database

from .exports import Cell, Selection, export_rows

FORMATS: Final = ("csv", "json", "parquet")
ENDINGS: Final = {".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet"}
Rows = Iterator[Mapping[str, Cell]]
PAGE: Final = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many rows a file has, how many of them show a record, and where its chains end."""

    rows: int
    shown: int
    ends: tuple[Link, ...]


def write_export(database: Database, selection: Selection, path: Path, form: str | None = None) -> Written:
    """Write an export; an older file of that name is replaced when the new one is complete. Raises Refused, Unavailable."""
    form = form or form_of(path)
    tally: dict[str, Any] = {"rows": 0, "shown": 0, "ends": {}}
    write_rows(_tallied(export_rows(database, selection), tally), path, form)
    return Written(rows=tally["rows"], shown=tally["shown"], ends=tuple(tally["ends"].values()))


def form_of(path: Path) -> str:
    """What the end of a file's name says. Raises Refused."""
    form = ENDINGS.get(path.suffix)
    if form is None:
        raise Refused(
            f"{path}: an export is called .csv, .jsonl or .parquet",
            slug="export-form",
            hint=f"Name the file so, or give --format {' or '.join(FORMATS)}.",
        )
    return form


def write_rows(rows: Rows, path: Path, form: str) -> None:
    """Write rows in a form; when this returns, the file is on the disk under its name. Raises Unavailable."""
    with _replaced(path) as unfinished:
        _WRITERS[form](rows, unfinished)


def _tallied(rows: Rows, tally: dict[str, Any]) -> Rows:
    for row in rows:
        tally["rows"] += 1
        tally["shown"] += "kind" in row
        source, seq = str(row["source"]), row["seq"]
        tally["ends"][source] = Link(source=source, seq=int(seq or 0), link=str(row["link"]))
        yield row


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    unfinished = None
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(number)
        unfinished = Path(name)
        yield unfinished
        _sync(unfinished)
        unfinished.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be written: {error.strerror}", slug="export-unwritable", hint="Nothing was left half-written."
        ) from error
    finally:
        if unfinished is not None:
            with suppress(FileNotFoundError):
                unfinished.unlink()


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _write_json(rows: Rows, path: Path) -> None:
    with _text(path) as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_csv(rows: Rows, path: Path) -> None:
    with _text(path) as file:
        writer = csv.DictWriter(file, COLUMNS, restval=None, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(rows: Rows, path: Path) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise Refused("Parquet needs pyarrow", slug="parquet-missing", hint="pip install pyarrow") from error
    schema = pa.schema([(name, pa.int64() if name in ("seq", "uses") else pa.string()) for name in COLUMNS])
    with parquet.ParquetWriter(path, schema) as writer:
        while page := list(islice(rows, PAGE)):
            writer.write_table(pa.Table.from_pylist(page, schema=schema))


def _text(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


_WRITERS: Final[Mapping[str, Callable[[Rows, Path], None]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}
