"""Owns the list of suites: ``suites.toml``, and what ``benchmarks/recipes.toml`` knows about those packages."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).parents[3]
FILE = Path(__file__).parent / "suites.toml"
RECIPES = ROOT / "benchmarks" / "recipes.toml"
SHARED = ("distribution", "version", "needs", "remove", "sample")
"""What a suite has from its recipe: all that its environment depends on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The tests of one package. ``hooked`` are names in site-packages; ``sample`` is a folder of this repository."""

    name: str
    hooked: tuple[str, ...]
    run: tuple[str, ...]
    distribution: str = ""
    version: str = ""
    needs: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    sample: str = ""
    few: bool = False
    safe_path: bool = False
    not_on: tuple[str, ...] = ()

    @property
    def release(self) -> str:
        return f"{self.distribution} {self.version}".strip() or self.name


def read_suites(path: Path = FILE) -> dict[str, Suite]:
    """By name, in the order of the file. Raises ValueError for a table that says something unknown, or too little."""
    recipes = {table["name"]: table for table in tomllib.loads(RECIPES.read_text(encoding="utf-8"))["recipe"]}
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["suite"]
    return {table["name"]: _suite(table, recipes) for table in tables}


def _suite(table: Mapping[str, object], recipes: Mapping[str, Mapping[str, object]]) -> Suite:
    own = dict(table)
    name = own.pop("recipe", None)
    if name is not None and name not in recipes:
        raise ValueError(f"{own['name']}: there is no recipe {name}")
    recipe = recipes[str(name)] if name is not None else {}
    values: dict[str, object] = {key: recipe[key] for key in SHARED if key in recipe} | own
    if unknown := values.keys() - {field.name for field in fields(Suite)}:
        raise ValueError(f"{own['name']}: unknown {', '.join(sorted(unknown))}")
    if not (values.get("sample") or (values.get("distribution") and values.get("version"))):
        raise ValueError(f"{own['name']}: neither a recipe, nor a distribution and its version")
    values["run"] = tuple(shlex.split(str(values["run"])))
    return Suite(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})  # type: ignore[arg-type]
