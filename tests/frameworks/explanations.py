"""Owns the differences that are expected: a suite's ``differences.toml``, read and held to in both directions."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Tests that differ, as patterns of ids; in these ways and versions, which are all if there are none.

    ``sometimes``: depends on more than the hooks, so that it is no mistake if nothing differs.
    """

    tests: tuple[str, ...]
    reason: str
    why: str
    ways: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    sometimes: bool = False

    def applies(self, way: str, version: str) -> bool:
        return (not self.ways or way in self.ways) and (not self.versions or version in self.versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """All of them, and what each group of reasons means."""

    reasons: dict[str, str]
    entries: tuple[Explanation, ...]

    def find(self, test: str, way: str, version: str) -> Explanation | None:
        """The entry that explains why this test differs."""
        for entry in self.entries:
            if entry.applies(way, version) and any(fnmatchcase(test, pattern) for pattern in entry.tests):
                return entry
        return None

    def unneeded(
        self, way: str, version: str, prefixes: Sequence[str], compared: Sequence[str], different: Sequence[str]
    ) -> Iterator[str]:
        """Patterns that begin so, but explain no difference: those say something that is not true any more."""
        for entry in self.entries:
            if entry.sometimes or not entry.applies(way, version):
                continue
            for pattern in entry.tests:
                is_about = pattern.startswith(tuple(prefixes))
                if is_about and not any(fnmatchcase(test, pattern) for test in different):
                    there = any(fnmatchcase(test, pattern) for test in compared)
                    yield f"{pattern}: {'does not differ' if there else 'is not there'} ({way}, {version})"


def read_explanations(path: Path) -> Explanations:
    """Raises ValueError for a reason without a meaning, a meaning without a use, or a key that is none of ours."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = tuple(_entry(table) for table in tables.get("difference", ()))
    reasons: dict[str, str] = tables.get("reasons", {})
    if {entry.reason for entry in entries} != reasons.keys():
        raise ValueError(f"{path.name}: reasons are {sorted(reasons)}, used are {sorted({one.reason for one in entries})}")
    return Explanations(reasons=reasons, entries=entries)


def _entry(table: dict[str, object]) -> Explanation:
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    try:
        return Explanation(**lists)  # type: ignore[arg-type]
    except TypeError as error:
        raise ValueError(f"an entry of differences.toml: {error}") from error
