"""Owns the strict view of TOML tables: typed values, and complaints that name file, table and key."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NoReturn

from meterize.errors import UsageError
from meterize.model.feature import Policy

_MAX_SHOWN: Final = 60
_MAX_NUMBER: Final = 2**31 - 1
"""What CPython itself can hold as a line number or an offset (an ``int``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A kind of TOML file: what it is called, its size at most, and the errors for one that is not there or is wrong."""

    name: str
    max_bytes: int
    missing: Callable[[str, Path], UsageError]
    invalid: Callable[[str], UsageError]


def read_table(path: Path, form: Format) -> Table:
    """The top level of a file. Raises the format's UsageError."""
    try:
        with path.open("rb") as file:
            content = file.read(form.max_bytes + 1)
    except FileNotFoundError as error:
        raise form.missing(f"no {form.name} at {path}", path) from error
    except OSError as error:
        raise form.invalid(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(content) > form.max_bytes:
        raise form.invalid(f"{path}: larger than {form.max_bytes:,} bytes; this is no {form.name}")
    try:
        return Table(path, "", tomllib.loads(content.decode()), form)
    except RecursionError as error:
        raise form.invalid(f"{path}: nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError, an integer of thousands of digits
        raise form.invalid(f"{path}: not TOML: {error}") from error


class Table:
    """One table; ``name`` is how messages call it (empty for the top level), such as ``feature 1: slice``."""

    def __init__(self, path: Path, name: str, values: Mapping[str, object], form: Format) -> None:
        self.path = path
        self._form = form
        self._name = name
        self._values = values
        self._used: set[str] = set()

    def refuse(self, key: str, expected: str, found: object) -> NoReturn:
        """Raise the complaint about one key."""
        shown = repr(found)
        if len(shown) > _MAX_SHOWN:
            shown = f"{shown[:_MAX_SHOWN]}…"
        raise self._invalid(key, f"expected {expected}, found {shown}")

    def refuse_leftovers(self) -> None:
        """Raise if the table has keys that nobody asked for: a misspelt key must not go unnoticed."""
        for key in self._values:
            if key not in self._used:
                raise self._invalid(key, f"a {self._form.name} has no such key")

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

    def policy(self, key: str) -> Policy:
        """A policy's text."""
        value = self.text(key)
        try:
            return Policy(value)
        except ValueError:
            self.refuse(key, " or ".join(f'"{form}"' for form in Policy.FORMS), value)

    def table(self, key: str) -> Table:
        """A table inside this one."""
        value = self._take(key)
        if not isinstance(value, dict):
            self.refuse(key, "a table", value)
        return Table(self.path, self._where(key), value, self._form)

    def tables(self, key: str, *, least: int = 1) -> tuple[Table, ...]:
        """An array of so many tables or more; where none is needed, the key may be missing."""
        if not least and not self.has(key):
            return ()
        value = self._take(key)
        if not isinstance(value, list) or len(value) < least or not all(isinstance(item, dict) for item in value):
            self.refuse(key, f"{'one or more' if least else 'only'} [[{key}]] tables", value)
        names = (self._where(f"{key} {number}") for number in range(1, len(value) + 1))
        return tuple(Table(self.path, name, item, self._form) for name, item in zip(names, value, strict=True))

    def keys(self) -> tuple[str, ...]:
        """The keys, in the file's order."""
        return tuple(self._values)

    def _take(self, key: str) -> object:
        if not self.has(key):
            raise self._invalid(key, "missing")
        self._used.add(key)
        return self._values[key]

    def _invalid(self, key: str, what: str) -> UsageError:
        return self._form.invalid(f"{self.path}: {self._where(key)}: {what}")

    def _where(self, key: str) -> str:
        shown = key if len(key) <= _MAX_SHOWN else f"{key[:_MAX_SHOWN]}…"
        return f"{self._name}: {shown}" if self._name else shown
