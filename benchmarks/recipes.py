"""The recipes of recipes.toml, and an environment for each: the package, its tests and this tool, ready to run."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measure import clean_variables, cpu_of, options, say
from packages import copy_package
from sdists import install_sdist

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A feature of a package, as recipes.toml describes it."""

    name: str
    title: str
    package: str
    feature: str
    with_command: str
    without_command: str
    distribution: str = ""
    version: str = ""
    needs: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    sample: str = ""
    """The folder of a package of this repository; empty where it comes from the package index."""
    ground_truth: tuple[str, ...] = ()
    defended: tuple[str, ...] = ()
    explained: str = ""
    fails_on: tuple[str, ...] = ()

    @property
    def fails_here(self) -> bool:
        """The package's own tests fail on this interpreter."""
        return f"{sys.version_info.major}.{sys.version_info.minor}" in self.fails_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Two suites that are ready to run, and what ``analyze`` is told."""

    python: Path
    variables: Mapping[str, str]
    cwd: Path
    package: str
    feature: str
    with_command: str
    without_command: str

    @property
    def selected(self) -> list[str]:
        """The arguments of ``meterize analyze`` that say what to look for."""
        suites = ["--with", self.with_command, "--without", self.without_command, "--cwd", str(self.cwd)]
        return [self.package, "--feature", self.feature, *suites]

    def bare(self) -> float:
        """CPU seconds of both suites."""
        shells = (["sh", "-c", command] for command in (self.without_command, self.with_command))
        return sum(cpu_of(shell, cwd=self.cwd, environment=self.variables) for shell in shells)


def read_recipes() -> dict[str, Recipe]:
    """By name, in the order of the file."""
    found = tomllib.loads((HERE / "recipes.toml").read_text(encoding="utf-8"))["recipe"]
    return {table["name"]: _recipe(table) for table in found}


def _recipe(table: dict[str, str | list[str]]) -> Recipe:
    commands = {f"{key}_command": table.pop(key) for key in ("with", "without")}
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in {**table, **commands}.items()}
    return Recipe(**values)  # type: ignore[arg-type]


def prepare(recipe: Recipe, folder: Path) -> Prepared:
    """Its environment below ``folder``, made where it is not there yet."""
    place = folder / f"{recipe.name}-{sys.implementation.cache_tag}"
    tree = place / "tree"
    if not tree.exists():
        say(f"{recipe.name}: making its environment")
        shutil.rmtree(place, ignore_errors=True)
        (_copy_sample if recipe.sample else _install)(recipe, place).rename(tree)
    files = shlex.quote(str(place / "files"))
    python = Path(sys.executable) if recipe.sample else place / "venv" / "bin" / "python"
    return Prepared(
        python=python,
        variables=variables_for(python) | ({"PYTHONPATH": str(place / "site-packages")} if recipe.sample else {}),
        cwd=tree / "tests" if recipe.sample else tree,
        package=recipe.package,
        feature=recipe.feature,
        with_command=recipe.with_command.replace("{files}", files),
        without_command=recipe.without_command.replace("{files}", files),
    )


def _install(recipe: Recipe, place: Path) -> Path:
    """The package and this tool in a new environment; the folder of the package's sdist."""
    needs, remove = (*recipe.needs, "-e", str(ROOT)), recipe.remove
    unpacked = install_sdist(
        place, recipe.distribution, recipe.version, needs=needs, remove=remove, variables=clean_variables()
    )
    if (own := HERE / "cases" / recipe.name).is_dir():
        shutil.copytree(own, place / "files", ignore=shutil.ignore_patterns("__pycache__"))
    return unpacked


def _copy_sample(recipe: Recipe, place: Path) -> Path:
    """A package of this repository, as pip would lay it out; its tests run with unittest, so nothing is downloaded."""
    source = ROOT / recipe.sample
    copy_package(_made(place / "site-packages"), source / recipe.package)
    for part in ("tests", "data"):
        shutil.copytree(source / part, _made(place / "unpacked") / part)
    return place / "unpacked"


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def variables_for(python: Path) -> dict[str, str]:
    """``python`` in a command is this interpreter."""
    return clean_variables() | {"PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def recipe_options(description: str) -> argparse.ArgumentParser:
    """The options of a benchmark that works on recipes."""
    parser = options(description)
    parser.add_argument("names", nargs="*", help="recipes to run [all]")
    parser.add_argument("--folder", type=Path, help="keep environments here")
    return parser


def choose(given: argparse.Namespace, recipes: Iterable[Recipe]) -> list[Recipe]:
    """The recipes that the command line names; all of them where it names none, with ``--quick`` the first."""
    known = {recipe.name: recipe for recipe in recipes}
    if unknown := set(given.names) - set(known):
        raise SystemExit(f"no such recipe: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    return [known[name] for name in given.names or list(known)[: 1 if given.quick else None]]


@contextmanager
def working_folder(given: Path | None) -> Iterator[Path]:
    """The folder that was asked for, else one that goes away."""
    if given is not None:
        yield _made(given).resolve()
        return
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as folder:
        yield Path(folder).resolve()
