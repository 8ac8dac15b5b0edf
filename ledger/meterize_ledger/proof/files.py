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


class _CutOffError(ValueError):
    """The file's last line is not whole."""

    def __init__(self) -> None:
        super().__init__("the file is cut off: its last line is not whole")


def _json_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Value]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError as error:
            if line.endswith("\n"):
                raise
            raise _CutOffError from error
        if not isinstance(row, dict):
            raise ValueError("a line is not an object")
        yield row


def _csv(lines: Iterable[str]) -> Iterator[Mapping[str, Value]]:
    csv.field_size_limit(1 << 30)
    read = _Ended(lines)
    reader = csv.DictReader(read, strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num} has another number of cells than the head")
            if not read.whole and len(row.get("link") or "") < 64:
                raise _CutOffError
            yield _record(row)
    except (csv.Error, ValueError) as error:
        if not read.whole:
            raise _CutOffError from error
        raise


class _Ended:
    """Lines, and whether the last of them had an end."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines, self.whole = iter(lines), True

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.whole = line.endswith("\n")
            yield line


def _record(row: Mapping[str, str]) -> Mapping[str, Value]:
    return {key: _value(key, row.get(key) or None) for key in COLUMNS}


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
    except UnicodeDecodeError as error:
        if "unexpected end" not in error.reason:
            raise _no_export(path, error) from error
        raise _cut_off(path, _CutOffError()) from error
    except OSError as error:
        raise Refused(
            f"{path} cannot be read: {error.strerror or error}",
            slug="export-unreadable",
            hint="Name a file that `meterize ledger export` wrote.",
        ) from error
    except _CutOffError as error:
        raise _cut_off(path, error) from error
    except (ValueError, csv.Error, RecursionError, *also) as error:
        raise _no_export(path, error) from error


def _cut_off(path: Path, error: _CutOffError) -> Refused:
    return Refused(f"{path}: {error}", slug="export-unreadable", hint="Copy it, or export it, again.")


def _no_export(path: Path, error: Exception) -> Refused:
    return Refused(
        f"{path} is no export of a ledger: {error}",
        slug="export-unreadable",
        hint="Give a file that `meterize ledger export` wrote, under its own name (.jsonl, .csv, .parquet).",
    )
