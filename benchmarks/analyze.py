"""What ``meterize analyze`` takes against the two suites that it runs: CPU seconds, of all processes.

python benchmarks/analyze.py                        the packages of recipes.toml, from the package index, and the greenhouse
python benchmarks/analyze.py sqlparse click         some of them
python benchmarks/analyze.py --folder KEPT          keep the environments there, and find them again
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Report, Samples, Shown, clean_variables, cpu_of, options, say, summarize, take_in_turns
from packages import copy_package

ROOT = Path(__file__).resolve().parent.parent
GREENHOUSE = "greenhouse"
MODULES = ("readings", "climate", "forecast", "stations", "command_line")


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

    def bare(self) -> float:
        """CPU seconds of both suites."""
        shells = (["sh", "-c", command] for command in (self.without_command, self.with_command))
        return sum(cpu_of(shell, cwd=self.cwd, environment=self.variables) for shell in shells)

    def analyze(self) -> float:
        """CPU seconds of the whole command."""
        with tempfile.TemporaryDirectory(prefix="meterize-bench-") as folder:
            suites = ["--with", self.with_command, "--without", self.without_command]
            files = ["--cwd", str(self.cwd), "--plan", f"{folder}/plan.toml"]
            command = [str(self.python), "-m", "meterize", "analyze", self.package, "--feature", self.feature, *suites, *files]
            return cpu_of(command, cwd=self.cwd, environment=self.variables)


def variables_for(python: Path) -> dict[str, str]:
    """``python`` in a command is this interpreter."""
    return clean_variables() | {"PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def prepare_greenhouse(folder: Path) -> Prepared:
    """The sample package, installed into a folder of its own; its tests run with unittest, so nothing is downloaded."""
    source = ROOT / "sample_apps" / GREENHOUSE
    site = folder / GREENHOUSE / "site-packages"
    if not site.exists():
        site.mkdir(parents=True)
        copy_package(site, source / GREENHOUSE)
        for part in ("tests", "data"):
            shutil.copytree(source / part, folder / GREENHOUSE / part)
    python = Path(sys.executable)
    return Prepared(
        python=python,
        variables=variables_for(python) | {"PYTHONPATH": str(site)},
        cwd=folder / GREENHOUSE / "tests",
        package=GREENHOUSE,
        feature="irrigation",
        with_command="python -m unittest test_irrigation",
        without_command=f"python -m unittest {' '.join(f'test_{module}' for module in MODULES)}",
    )


def prepare(recipe: Mapping[str, Any], folder: Path) -> Prepared:
    """An environment with the package and this tool, and the package's sdist unpacked."""
    place = folder / f"{recipe['name']}-{sys.implementation.cache_tag}"
    python, tree = place / "venv" / "bin" / "python", place / "tree"
    pinned = f"{recipe['distribution']}=={recipe['version']}"
    if not tree.exists():
        say(f"{recipe['name']}: making its environment")
        shutil.rmtree(place, ignore_errors=True)
        run([sys.executable, "-m", "venv", str(place / "venv")])
        run([str(python), "-m", "pip", "install", "-q", pinned, *recipe["needs"], "-e", str(ROOT)])
        download = ["download", "-q", "--no-deps", "--no-binary", ":all:", pinned, "-d", str(place / "sdist")]
        run([str(python), "-m", "pip", *download])
        with tarfile.open(next((place / "sdist").glob("*.tar.gz"))) as archive:
            archive.extractall(place / "unpacked", filter="data")
        unpacked = next((place / "unpacked").iterdir())
        for part in recipe.get("remove", ()):
            shutil.rmtree(unpacked / part)
        unpacked.rename(tree)
    return Prepared(
        python=python,
        variables=variables_for(python),
        cwd=tree,
        package=recipe["package"],
        feature=recipe["feature"],
        with_command=recipe["with"],
        without_command=recipe["without"],
    )


def run(command: list[str]) -> None:
    done = subprocess.run(
        command, env=clean_variables(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed ({done.returncode})\n{done.stdout[-3000:]}")


def read_recipes() -> dict[str, dict[str, Any]]:
    found = tomllib.loads((Path(__file__).parent / "recipes.toml").read_text(encoding="utf-8"))["recipe"]
    return {recipe["name"]: recipe for recipe in found}


@contextmanager
def working_folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as folder:
        yield Path(folder).resolve()


def measure(names: Iterable[str], folder: Path, rounds: int) -> Report:
    recipes = read_recipes()
    rows: list[list[object]] = []
    for name in names:
        prepared = prepare_greenhouse(folder) if name == GREENHOUSE else prepare(recipes[name], folder)
        say(f"{name}: {rounds} rounds")
        prepared.bare()  # so that every .pyc file is there
        samples: Samples = take_in_turns({"bare": prepared.bare, "analyze": prepared.analyze}, rounds)
        ratios = [one / other for one, other in zip(samples["analyze"], samples["bare"], strict=True)]
        bare, whole = (Shown(figure=summarize(samples[key]), pattern="{:.2f} s") for key in ("bare", "analyze"))
        more = summarize(samples["analyze"]).median - summarize(samples["bare"]).median
        rows.append([name, bare, whole, f"{more:+.2f} s", Shown(figure=summarize(ratios), pattern="{:.2f}×")])
    report = Report("analyze")
    note = f"CPU time of all processes; median of {rounds} rounds, lowest to highest"
    report.add("To analyze a feature", ["", "both suites, bare", "analyze", "added", "ratio"], rows, note)
    return report


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("names", nargs="*", help="recipes to run [all]")
    parser.add_argument("--folder", type=Path, help="keep environments here")
    given = parser.parse_args()
    known = [GREENHOUSE, *read_recipes()]
    if unknown := set(given.names) - set(known):
        raise SystemExit(f"no such recipe: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    with working_folder(given.folder) as folder:
        report = measure(
            given.names or ([GREENHOUSE] if given.quick else known), folder, given.repeats or (1 if given.quick else 3)
        )
    report.show(given)


if __name__ == "__main__":
    main()
