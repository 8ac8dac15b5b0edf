"""Keeps runs as a coverage.py data file with one context a test, which ``coverage html`` and others open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import CodeType

from meterize.cpython.identity import code_id, walk
from meterize.cpython.pyc import compile_module
from meterize.errors import TargetError
from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import CoverageRecord, Executed
from meterize.model.package import Package


def save_coverage(records: Mapping[str, CoverageRecord], package: Package, path: Path) -> None:
    """Write the executed lines of ``records`` (``with``, ``without``) to ``path``, in contexts ``with|TEST``.

    What ran outside any test is in the contexts ``with|`` and ``without|``. An existing file is replaced. Raises TargetError
    (``data-file-unwritable``).
    """
    from coverage import CoverageData
    from coverage.exceptions import CoverageException

    lines = _Lines(package)
    try:
        path.unlink(missing_ok=True)
        data = CoverageData(basename=str(path.absolute()))
        for name, record in records.items():
            for context, executed in _contexts(name, record):
                data.set_context(context)
                data.add_lines(lines.of(executed))
        data.close()
    except (OSError, sqlite3.Error, CoverageException) as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise TargetError(
            f"cannot write {path}: {error}",
            slug="data-file-unwritable",
            hint="Name a file in a folder that exists and is yours.",
        ) from error


def _contexts(name: str, record: CoverageRecord) -> Iterator[tuple[str, Executed]]:
    yield f"{name}|", record.outside
    for test in record.tests:
        yield f"{name}|{test.id}", test.executed


class _Lines:
    """Knows the source lines of each instruction of a package."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._codes: dict[str, dict[CodeId, CodeType]] = {}
        self._masks: dict[CodeId, tuple[tuple[int, InstructionMask], ...]] = {}

    def of(self, executed: Executed) -> dict[str, set[int]]:
        """The executed lines by absolute file."""
        found: dict[str, set[int]] = {}
        for code, mask in executed.items():
            if code not in self._masks:
                self._masks[code] = self._line_masks(code)
            lines = found.setdefault(str(self._package.site / code.file), set())
            lines.update(line for line, whole in self._masks[code] if mask & whole)
        return found

    def _line_masks(self, name: CodeId) -> tuple[tuple[int, InstructionMask], ...]:
        if name.file not in self._codes:
            path = self._package.site / name.file
            tree = compile_module(path.read_bytes(), str(path), 0)
            self._codes[name.file] = {code_id(name.file, code): code for _, code in walk(tree)}
        masks: dict[int, InstructionMask] = {}
        for start, end, line in self._codes[name.file][name].co_lines():
            if line:
                masks[line] = masks.get(line, 0) | ((1 << ((end - start) >> 1)) - 1) << (start >> 1)
        return tuple(masks.items())
