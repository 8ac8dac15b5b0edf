"""Owns the environments: one for each suite, as pip made it, and copies of it in which the package is hooked at every block."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.packages import copy_package
from benchmarks.sdists import install_sdist, run
from tests.frameworks.saturation import Saturation, saturate
from tests.frameworks.ways import BARE, TWINS, WAYS, digest, install_runtime, link

from meterize.cpython.pyc import pyc_path

from .suites import ROOT, SHARED, Suite

HERE = Path(__file__).parent
RECORDERS = (HERE / "recorder.py", HERE.parent / "cpython" / "inside.py")
MISLEADING = ("PYTHON", "METERIZE_", "COVERAGE_", "PYTEST_", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """A suite in one way, with its own environment and its own folder to run in. ``digests`` are of the hooked modules."""

    suite: Suite
    way: str
    folder: Path
    saturation: Saturation | None
    digests: dict[Path, str]

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def tree(self) -> Path:
        """Where the tests run."""
        tree = self.folder / "tree"
        return tree / "tests" if self.suite.sample else tree

    @property
    def recorder(self) -> Path:
        return self.folder / "recorder" / "recorder.py"

    @property
    def has_runtime(self) -> bool:
        return WAYS[self.way][1]

    def changed_files(self) -> list[str]:
        """Compiled modules that are no longer as they were written: tests may have removed or replaced them."""
        return [path.name for path, wanted in self.digests.items() if digest(path) != wanted]


def clean_variables() -> dict[str, str]:
    """This environment without what changes how Python compiles, imports or finds things."""
    return {name: value for name, value in os.environ.items() if not name.startswith(MISLEADING)}


def make_environment(suite: Suite, kept_in: Path) -> Path:
    """The folder with ``venv`` and ``tree`` as the package index has them, made where it is not kept already."""
    place = kept_in / f"{suite.name}-{sys.implementation.cache_tag}"
    wanted = repr((sys.version, *(getattr(suite, key) for key in SHARED)))
    stamp = place / "made"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        (_lay_sample if suite.sample else _install)(suite, place).rename(place / "tree")
        stamp.write_text(wanted)
    return place


def _install(suite: Suite, place: Path) -> Path:
    return install_sdist(
        place, suite.distribution, suite.version, needs=suite.needs, remove=suite.remove, variables=clean_variables()
    )


def _lay_sample(suite: Suite, place: Path) -> Path:
    """A package of this repository, as pip would lay it out; nothing is downloaded."""
    run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], clean_variables())
    source = ROOT / suite.sample
    for name in suite.hooked:
        copy_package(_site(place), source / name)
    for part in ("tests", "data"):
        shutil.copytree(source / part, place / "unpacked" / part, ignore=shutil.ignore_patterns("__pycache__"))
    return place / "unpacked"


def plant(made: Path, suite: Suite, ways: tuple[str, ...], jobs: int = 1) -> dict[str, Lab]:
    """A lab for each way, always anew; nothing is changed in the environment itself."""
    labs: dict[str, Lab] = {}
    for way in ways:
        folder = made / "ways" / way
        shutil.rmtree(folder, ignore_errors=True)
        _copy(made, folder)
        labs[way] = _hook(suite, way, folder, labs.get(TWINS.get(way, "")), jobs)
    return labs


def _copy(made: Path, folder: Path) -> None:
    """Hard links in the environment: nobody writes into an installed file. The tests' folder is copied: tests write there."""
    (folder / "recorder").mkdir(parents=True)
    for file in RECORDERS:
        shutil.copy(file, folder / "recorder")
    shutil.copytree(made / "venv", folder / "venv", symlinks=True, copy_function=link)
    shutil.copytree(made / "tree", folder / "tree", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for script in (folder / "venv" / "bin").iterdir():
        _move_script(script, str(made / "venv"), str(folder / "venv"))


def _move_script(script: Path, old: str, new: str) -> None:
    """Commands of the package shall run with the copied environment."""
    if script.is_symlink() or not script.is_file() or not (text := script.read_bytes()).startswith(b"#!"):
        return
    mode = script.stat().st_mode
    _replace(script, text.replace(old.encode(), new.encode()))
    script.chmod(mode)


def _hook(suite: Suite, way: str, folder: Path, twin: Lab | None, jobs: int) -> Lab:
    policy, has_runtime = WAYS[way]
    site = _site(folder)
    if has_runtime:
        install_runtime(site)
    if way == BARE:
        return Lab(suite=suite, way=way, folder=folder, saturation=None, digests={})
    files = list(modules_of(site, suite))
    if not files:
        raise SystemExit(f"{suite.name}: nothing to hook in {', '.join(suite.hooked)}")
    if twin is None:
        saturation = saturate(site, policy, distribution=suite.name, files=files, jobs=jobs)
    else:
        saturation = twin.saturation
        for path in twin.digests:
            _replace(site / path.relative_to(_site(twin.folder)), path.read_bytes())
    compiled = [path for file in files if (path := pyc_path(file, 0)).exists()]
    return Lab(suite=suite, way=way, folder=folder, saturation=saturation, digests={path: digest(path) for path in compiled})


def modules_of(site: Path, suite: Suite) -> Iterator[Path]:
    """The modules that are hooked: all but tests, which are the judges."""
    for name in suite.hooked:
        found = (site / name).rglob("*.py") if (site / name).is_dir() else (site / f"{name}.py",)
        for file in sorted(found):
            if not {"test", "tests"} & set(file.relative_to(site).parts):
                yield file


def _site(folder: Path) -> Path:
    return next((folder / "venv" / "lib").glob("python*/site-packages"))


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)  # it may be the environment's own file
    path.write_bytes(data)
