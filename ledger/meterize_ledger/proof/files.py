"""Exports read back, in each of their forms: JSON lines, CSV, Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meterize_ledger.errors import Refused

from .chain import COLUMNS, Value

NUMBERS = ("seq", "uses")


def read_rows(path: Path) -> Iterator[Mapping[str, Value]]:
    """The rows of an export, by the end of its name: ``.csv``, ``.parquet``, else JSON lines. Raises Refused."""
    if path.suffix == ".parquet":
        yield from _parquet(path)
        return
    with _readable(path), path.open(encoding="utf-8", newline="") as file:
        yield from _csv(file) if path.suffix == ".csv" else _json_lines(file)


def _json_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Value]]:
    for line in lines:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError("a line is not an object")
        yield row


def _csv(lines: Iterable[str]) -> Iterator[Mapping[str, Value]]:
    csv.field_size_limit(1 << 30)
    for row in csv.DictReader(lines, strict=True):
        yield {key: _value(key, row.get(key) or None) for key in COLUMNS}


def _value(key: str, text: str | None) -> Value:
    return int(text) if text is not None and key in NUMBERS else text


def _parquet(path: Path) -> Iterator[Mapping[str, Value]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise Refused("Parquet needs pyarrow", slug="parquet-missing", hint="pip install pyarrow") from error
    with _readable(path, ArrowException), parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=5000):
            yield from batch.to_pylist()


@contextmanager
def _readable(path: Path, *also: Any) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, csv.Error, RecursionError, *also) as error:
        raise Refused(
            f"{path} is no export of a ledger: {error}",
            slug="export-unreadable",
            hint="Give a file that `meterize ledger export` wrote, under its own name (.jsonl, .csv, .parquet).",
        ) from error
