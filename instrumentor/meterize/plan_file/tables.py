"""Owns the strict view of one TOML table: typed values, and complaints that name file, table and key."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NoReturn

from meterize.errors import UsageError

_MAX_SHOWN: Final = 60
_MAX_NUMBER: Final = 2**31 - 1
"""What CPython itself can hold as a line number or an offset (an ``int``)."""


def invalid(path: Path, what: str) -> UsageError:
    """The error for a file that is no plan."""
    return UsageError(
        f"{path}: {what}",
        slug="plan-invalid",
        hint="Correct the plan by hand, or make a new one with `meterize analyze`.",
    )


class Table:
    """One table of a plan; ``name`` is how messages call it (empty for the top level), such as ``feature 1: slice``."""

    def __init__(self, path: Path, name: str, values: Mapping[str, object]) -> None:
        self.path = path
        self._name = name
        self._values = values
        self._used: set[str] = set()

    def refuse(self, key: str, expected: str, found: object) -> NoReturn:
        """Raise the complaint about one key."""
        shown = repr(found)
        if len(shown) > _MAX_SHOWN:
            shown = f"{shown[:_MAX_SHOWN]}…"
        raise invalid(self.path, f"{self._where(key)}: expected {expected}, found {shown}")

    def refuse_leftovers(self) -> None:
        """Raise if the table has keys that nobody asked for: a misspelt key must not go unnoticed."""
        for key in self._values:
            if key not in self._used:
                raise invalid(self.path, f"{self._where(key)}: a plan has no such key")

    def has(self, key: str) -> bool:
        """Whether the key, which may be missing, is there."""
        return key in self._values

    def text(self, key: str, *, empty: bool = False) -> str:
        """A string."""
        value = self._take(key)
        if not isinstance(value, str) or not (value or empty):
            self.refuse(key, "a text", value)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of strings."""
        value = self._take(key)
        if not isinstance(value, list):
            self.refuse(key, "an array of texts", value)
        for item in value:
            if not isinstance(item, str):
                self.refuse(key, "an array of texts", item)
        return tuple(value)

    def number(self, key: str, *, least: int = 0) -> int:
        """A whole number."""
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MAX_NUMBER:
            self.refuse(key, f"a whole number from {least} on", value)
        return value

    def one_of(self, key: str, choices: type[StrEnum]) -> str:
        """One of an enumeration's texts."""
        value = self.text(key)
        if value not in {choice.value for choice in choices}:
            self.refuse(key, " or ".join(f'"{choice.value}"' for choice in choices), value)
        return value

    def table(self, key: str) -> Table:
        """A table inside this one."""
        value = self._take(key)
        if not isinstance(value, dict):
            self.refuse(key, "a table", value)
        return Table(self.path, self._where(key), value)

    def tables(self, key: str, *, least: int = 1) -> tuple[Table, ...]:
        """An array of so many tables or more; where none is needed, the key may be missing."""
        if not least and not self.has(key):
            return ()
        value = self._take(key)
        if not isinstance(value, list) or len(value) < least or not all(isinstance(item, dict) for item in value):
            self.refuse(key, f"{'one or more' if least else 'only'} [[{key}]] tables", value)
        return tuple(Table(self.path, self._where(f"{key} {number}"), item) for number, item in enumerate(value, 1))

    def _take(self, key: str) -> object:
        if not self.has(key):
            raise invalid(self.path, f"{self._where(key)}: missing")
        self._used.add(key)
        return self._values[key]

    def _where(self, key: str) -> str:
        shown = key if len(key) <= _MAX_SHOWN else f"{key[:_MAX_SHOWN]}…"
        return f"{self._name}: {shown}" if self._name else shown
