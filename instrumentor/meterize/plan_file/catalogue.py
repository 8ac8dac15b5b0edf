"""Owns how a file of features is read, which ``analyze --features`` makes a plan from: every key checked, as in a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from meterize.errors import UsageError
from meterize.model.catalogue import Catalogue, Entry, Rest
from meterize.model.feature import Charge, Feature, Policy

from .places import read_guidance
from .tables import Format, Table, read_table

_MAX_BYTES: Final = 1024 * 1024
_EXAMPLE: Final = (
    'Such a file has a [feature.NAME] table with `with = "COMMAND"` for each, and [rest] with `command = "COMMAND"`.'
)


def read_catalogue(path: Path) -> Catalogue:
    """The features that a file asks for; folders in it are relative to the file's own.

    Raises UsageError: ``features-not-found`` or ``features-invalid`` (which key, what was expected).
    """
    table = read_table(path, _FORMAT)
    folder = path.resolve().parent
    rest = _rest(table.table("rest"), folder) if table.has("rest") else None
    features = table.table("feature")
    names = features.keys()
    if not names:
        table.refuse("feature", "one or more [feature.NAME] tables", {})
    entries = tuple(_entry(name, features.table(name), folder) for name in names)
    table.refuse_leftovers()
    _refuse_twins(features, entries)
    return Catalogue(entries=entries, rest=rest)


def _missing(what: str, _path: Path) -> UsageError:
    return UsageError(what, slug="features-not-found", hint=_EXAMPLE)


def _invalid(what: str) -> UsageError:
    return UsageError(what, slug="features-invalid", hint=_EXAMPLE)


_FORMAT: Final = Format(name="file of features", max_bytes=_MAX_BYTES, missing=_missing, invalid=_invalid)


def _rest(table: Table, folder: Path) -> Rest:
    rest = Rest(command=table.text("command"), cwd=_cwd(table, folder))
    table.refuse_leftovers()
    return rest


def _entry(name: str, table: Table, folder: Path) -> Entry:
    feature = Feature(
        name=name,
        with_command=table.text("with"),
        without_command=table.text("without") if table.has("without") else "",
        cwd=_cwd(table, folder),
        charge=Charge(table.one_of("charge", Charge)) if table.has("charge") else Charge.ON_ENTRY,
        guidance=read_guidance(table),
    )
    entry = Entry(
        feature=feature,
        policy=table.policy("policy") if table.has("policy") else Policy.ONCE,
        package=table.text("package") if table.has("package") else None,
    )
    table.refuse_leftovers()
    return entry


def _cwd(table: Table, folder: Path) -> Path:
    given = table.text("cwd") if table.has("cwd") else "."
    try:
        cwd = (folder / given).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a loop of links, up to Python 3.12; ValueError: a null byte
        cwd = None
    if cwd is None or not cwd.is_dir():
        table.refuse("cwd", f"an existing folder (relative to {folder})", given)
    return cwd


def _refuse_twins(features: Table, entries: tuple[Entry, ...]) -> None:
    """Two features of one command cannot be told apart."""
    seen: dict[tuple[object, ...], str] = {}
    for entry in entries:
        feature = entry.feature
        key = (entry.package, feature.with_command, feature.cwd)
        if key in seen:
            features.table(feature.name).refuse("with", f"another command than that of {seen[key]!r}", feature.with_command)
        seen[key] = feature.name
