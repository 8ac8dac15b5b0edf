"""Reads our own JSON files as if a stranger had written them: bounded in size, every field checked, every path held inside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final, NoReturn, TypeVar

from meterize.errors import TargetError

_LIMIT: Final = 64 * 1024 * 1024
"""Bytes; a manifest takes about 1 KiB a hooked file."""

T = TypeVar("T")


class Record:
    """One JSON object of a file; ``where`` leads to it."""

    def __init__(self, data: object, path: Path, where: str = "") -> None:
        self.path = path
        self.where = where
        if not isinstance(data, dict):
            self.refuse("must be an object")
        self._data: dict[str, object] = data

    def refuse(self, why: str, key: str = "") -> NoReturn:
        """Raise the error that names file, place and reason."""
        place = ".".join(part for part in (self.where, key) if part) or "the file"
        raise TargetError(
            f"{self.path}: {place} {why}",
            slug="manifest-corrupt",
            hint="It was not meterize that wrote this. Put the file back from a backup; or remove the .meterize folder and "
            "install the metered packages again (pip install --force-reinstall --no-deps NAME).",
        )

    def text(self, key: str) -> str:
        """A string."""
        value = self._data.get(key)
        if not isinstance(value, str) or "\0" in value:
            self.refuse("must be a text", key)
        return value

    def hexadecimal(self, key: str) -> str:
        """A SHA-256 digest."""
        value = self.text(key)
        if len(value) != 64 or not set(value) <= set("0123456789abcdef"):
            self.refuse("must be a SHA-256 digest in hex", key)
        return value

    def number(self, key: str, *, below: int = 2**63) -> int:
        """A whole number from 0."""
        value = self._data.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
            self.refuse(f"must be a whole number below {below}", key)
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._data.get(key)
        if not isinstance(value, bool):
            self.refuse("must be true or false", key)
        return value

    def inside(self, key: str, *, ending: str = "") -> str:
        """A posix path, relative, that stays inside the site folder."""
        value = self.text(key)
        if not is_inside(value) or not value.endswith(ending):
            self.refuse(f"must be a path inside the site folder{f' that ends with {ending}' if ending else ''}", key)
        return value

    def optional(self, key: str, parse: Callable[[str], T]) -> T | None:
        """What ``parse`` makes of the key, or None if it is null."""
        return None if key in self._data and self._data[key] is None else parse(key)

    def record(self, key: str) -> Record:
        """A nested object."""
        return Record(self._data.get(key), self.path, f"{self.where}.{key}".lstrip("."))

    def items(self, key: str) -> Iterator[Record]:
        """A list of objects."""
        for index, item in enumerate(self._list(key)):
            yield Record(item, self.path, f"{self.where}.{key}[{index}]".lstrip("."))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        items = self._list(key)
        texts = tuple(item for item in items if isinstance(item, str) and "\0" not in item)
        if len(texts) != len(items):
            self.refuse("must hold texts", key)
        return texts

    def _list(self, key: str) -> list[object]:
        value = self._data.get(key)
        if not isinstance(value, list):
            self.refuse("must be a list", key)
        return value


def is_inside(path: str) -> bool:
    """Whether a relative posix path can only lead to something below where it starts, and says so in one spelling."""
    parts = path.split("/")
    return bool(path) and "\0" not in path and not {"", ".", ".."} & set(parts) and str(PurePosixPath(path)) == path


def read_record(path: Path, schema: int) -> Record:
    """Read a file of ours; raises TargetError (``manifest-corrupt``, ``manifest-schema``)."""
    size = path.stat().st_size
    data: object = None
    if size <= _LIMIT:
        try:
            data = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            data = None
    record = Record(data, path)
    found = record.number("schema")
    if found != schema:
        raise TargetError(
            f"{path} has schema {found}; this meterize knows {schema}",
            slug="manifest-schema",
            hint="Another version of meterize instrumented this environment: strip it with that version.",
        )
    return record


def dump_record(data: dict[str, object], schema: int) -> bytes:
    """The bytes of a file of ours, the same for the same content."""
    return (json.dumps({"schema": schema, **data}, indent=1) + "\n").encode()
