"""What changes the fingerprint of a run, and what does not."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from coverage import CoverageData

from meterize.kept_runs import Fingerprints, Surroundings
from meterize.model.own_files import PAGE_BEGINS, PLAN_BEGINS
from meterize.model.package import Package


@dataclass
class World:
    """Everything that a fingerprint is taken of."""

    root: Path
    command: str
    package: Package
    surroundings: Surroundings
    collector: bytes = b"1"

    def fingerprint(self) -> str | None:
        return Fingerprints(self.package, self.surroundings, self.collector).of(self.command, self.root / "work")

    def write(self, name: str, text: str = "x") -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def surround(self, **changes: object) -> None:
        self.surroundings = dataclasses.replace(self.surroundings, **changes)  # type: ignore[arg-type]

    def set(self, name: str, value: str) -> None:
        self.surround(variables={**self.surroundings.variables, name: value})


@pytest.fixture
def world(tmp_path: Path) -> World:
    package = Package(
        import_name="shop", distribution="shop", version="1", site=tmp_path / "site", modules=("shop/__init__.py",), compiled=()
    )
    made = World(
        root=tmp_path,
        command=f"pytest {tmp_path}/more/tests -k x",
        package=package,
        surroundings=Surroundings(
            python=tmp_path / "python",
            interpreter="3.12",
            search_path=[str(tmp_path / "site")],
            variables={"HOME": "/h", "PYTHONPATH": f"{tmp_path}/extra"},
        ),
    )
    for name in ("site/shop/__init__.py", "site/shop/page.html", "site/lib-1.dist-info/METADATA", "work/test_a.py", "python"):
        made.write(name)
    for name in ("more/tests/test_b.py", "extra/plugin.py", "work/data/rows.csv"):
        made.write(name)
    return made


CHANGES: dict[str, Callable[[World], None]] = {
    "another collector": lambda world: setattr(world, "collector", b"2"),
    "another interpreter": lambda world: world.surround(interpreter="3.13"),
    "another environment's interpreter": lambda world: world.surround(python=Path("/other")),
    "another command": lambda world: setattr(world, "command", world.command + "y"),
    "a module": lambda world: world.write("site/shop/__init__.py", "y"),
    "a package's data": lambda world: world.write("site/shop/page.html", "y"),
    "a test": lambda world: world.write("work/test_a.py", "y"),
    "a new test": lambda world: world.write("work/sub/test_c.py"),
    "settings of a test runner": lambda world: world.write("work/pytest.ini"),
    "data of a test": lambda world: world.write("work/data/rows.csv", "y"),
    "tests elsewhere that the command names": lambda world: world.write("more/tests/test_b.py", "y"),
    "what PYTHONPATH names": lambda world: world.write("extra/plugin.py", "y"),
    "an installed distribution": lambda world: world.write("site/other-1.dist-info/METADATA"),
    "a database": lambda world: sqlite3.connect(world.root / "work/shop.db").execute("create table shop (name)").close(),
    "a .pth file": lambda world: world.write("site/dev.pth", "/src"),
    "a variable": lambda world: world.set("DATABASE", "other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_matters(world: World, change: str) -> None:
    before = world.fingerprint()
    assert before is not None
    CHANGES[change](world)
    assert world.fingerprint() not in {None, before}


SAME: dict[str, Callable[[World], None]] = {
    "nothing": lambda world: None,
    "compiled files": lambda world: world.write("work/__pycache__/test_a.pyc"),
    "what a run leaves": lambda world: world.write("work/.pytest_cache/lastfailed"),
    "an environment": lambda world: (world.write("work/venv/pyvenv.cfg"), world.write("work/venv/lib/x.py"), None)[-1],
    "a plan": lambda world: world.write("work/what.toml", PLAN_BEGINS.decode()),
    "a page": lambda world: world.write("work/out.html", PAGE_BEGINS.decode()),
    "what ran, as coverage.py keeps it": lambda world: CoverageData(str(world.root / "work/what ran")).add_lines({"a.py": [1]}),
    "a verdict": lambda world: world.write("work/what.verdict.json"),
    "the terminal": lambda world: world.set("COLUMNS", "99"),
    "our own variables": lambda world: world.set("METERIZE_SPOOL", "/elsewhere"),
    "a time stamp": lambda world: os.utime(world.root / "work/test_a.py", (1, 1)),
}


@pytest.mark.parametrize("change", SAME)
def test_what_does_not(world: World, change: str) -> None:
    before = world.fingerprint()
    assert before is not None
    SAME[change](world)
    assert world.fingerprint() == before


@pytest.mark.parametrize(("import_name", "file"), [("zoo.shop", "zoo/shop/page.html"), ("shop", "shop.py")])
def test_what_matters_of_a_package_in_a_namespace_and_of_a_module(world: World, import_name: str, file: str) -> None:
    modules = (file,) if file.endswith(".py") else ()
    world.package = dataclasses.replace(world.package, import_name=import_name, modules=modules)
    world.write(f"site/{file}")
    before = world.fingerprint()
    world.write(f"site/{file}", "y")
    assert world.fingerprint() not in {None, before}


def test_a_loop_of_links_ends(world: World) -> None:
    (world.root / "work" / "loop").symlink_to(world.root / "work")
    (world.root / "work" / "gone").symlink_to(world.root / "nowhere")
    assert world.fingerprint() is not None


def test_too_much_is_not_looked_through(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meterize.kept_runs.dependencies._MOST_FILES", 3)
    assert world.fingerprint() is None
