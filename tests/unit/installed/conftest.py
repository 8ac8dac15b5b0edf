"""Site folders made by hand: a package is a few files and the metadata that an installer leaves."""

from __future__ import annotations

import json
import os
import py_compile
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from meterize.cpython.pyc import compile_module, dump_pyc
from meterize.installed import RuntimeSource, locate
from meterize.model.code import CodeId
from meterize.model.feature import Policy
from meterize.model.manifest import MeteredPlan
from meterize.model.package import Package
from meterize.model.plan import HookPoint
from meterize.model.rewritten import HookSite, RewrittenModule

OLD_NS = 1_500_000_000_123_456_789
"""A time stamp that nothing gets by accident."""

SHOP = {
    "shop/__init__.py": "from .cart import total\n",
    "shop/cart.py": "from .money import cents\n\n\ndef total():\n    return cents(21) * 2\n",
    "shop/money.py": "def cents(n):\n    return n\n",
}

Tree = dict[str, tuple[object, ...]]


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)

    @property
    def path(self) -> list[str]:
        return [str(self.folder)]

    def install(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        version: str = "1.0",
        top_level: str | None = None,
        editable: Path | None = None,
        record: bool = True,
        egg: bool = False,
    ) -> Path:
        """Write the files and the metadata; returns the metadata's folder."""
        for path, text in files.items():
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        info = self.folder / (f"{name}.egg-info" if egg else f"{name.replace('-', '_')}-{version}.dist-info")
        info.mkdir()
        (info / ("PKG-INFO" if egg else "METADATA")).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if top_level is not None:
            (info / "top_level.txt").write_text(top_level)
        if record and not egg:
            (info / "RECORD").write_text("".join(f"{path},,\n" for path in (*files, f"{info.name}/RECORD")))
        if editable is not None:
            origin = {"url": editable.as_uri(), "dir_info": {"editable": True}}
            (info / "direct_url.json").write_text(json.dumps(origin))
        return info

    def compile(self, *files: str, optimizations: tuple[int, ...] = (0,)) -> None:
        """Write .pyc files as Python does."""
        for file in files:
            for optimization in optimizations:
                py_compile.compile(str(self.folder / file), doraise=True, optimize=optimization)

    def age(self) -> None:
        """Give everything a time stamp of its own, long ago."""
        everything = sorted(self.folder.rglob("*"), key=lambda path: -len(path.parts))
        for number, path in enumerate([*everything, self.folder]):
            # The sources keep theirs, for a .pyc remembers it.
            if path.suffix != ".py":
                os.utime(path, ns=(OLD_NS + number * 7 - 3_000_000_000, OLD_NS + number * 7))

    def tree(self) -> Tree:
        """Everything in the folder and the folder itself: kind, mode, modification time, bytes."""
        return snapshot(self.folder)


def snapshot(folder: Path) -> Tree:
    tree: Tree = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        tree[path.relative_to(folder).as_posix()] = (oct(status.st_mode), status.st_mtime_ns, content)
    return tree


def make_modules(
    package: Package, *files: str, note: str = "hooked", optimizations: tuple[int, ...] = (0, 1, 2)
) -> list[RewrittenModule]:
    """Modules that say what they are and work as before; the table is what marks hooks as ours."""
    modules = []
    for file in files:
        source = (package.site / file).read_bytes()
        table = ("meterize", 1, package.distribution, package.version, ())
        arming = "try:\n    import meterize_hooks\nexcept ImportError:\n    pass\n"
        prologue = f"METERED = [{note!r}]\nTABLE = {table!r}\n{arming}".encode()
        for level in optimizations:
            code = compile_module(prologue + source, str(package.site / file), level)
            place = HookSite(id=f"{package.distribution}/x/1", path=(0,), offset=2, mechanism="inline")
            modules.append(RewrittenModule(file=file, optimization=level, pyc=dump_pyc(code, source), sites=(place,)))
    return modules


def make_plan(feature: str = "x", text: str = "[plan]\n") -> MeteredPlan:
    point = HookPoint(
        id=f"shop/{feature}/1",
        code=CodeId(file="shop/cart.py", qualname="total", first_line=4),
        line=5,
        offset=2,
        digest="0" * 64,
        why="the only way in",
        covers=("tests/test_cart.py::test_total",),
    )
    return MeteredPlan(
        feature=feature, policy=Policy.EVERY, plan_digest="d" * 64, plan_path="x.toml", hook_points=(point,), plan_text=text
    )


@pytest.fixture
def rewrite() -> Callable[..., list[RewrittenModule]]:
    return make_modules


@pytest.fixture
def plan() -> Callable[..., MeteredPlan]:
    return make_plan


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site-packages")


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[[str], Site]:
    return lambda name: Site(tmp_path / name)


@pytest.fixture
def shop(site: Site) -> Package:
    """An installed package with compiled files of long ago, one of them at -O only."""
    site.install("Shop", SHOP)
    site.compile(*SHOP)
    site.compile("shop/cart.py", optimizations=(1,))
    site.age()
    return locate("shop", site.path)


@pytest.fixture
def runtime(tmp_path: Path) -> Callable[..., RuntimeSource]:
    """A stand-in for the runtime, in any version."""

    def make(version: str = "1.0", text: str = "ARMED = True\n") -> RuntimeSource:
        folder = tmp_path / f"runtime-{version}" / "meterize_hooks"
        (folder / "web").mkdir(parents=True, exist_ok=True)
        (folder / "__pycache__").mkdir(exist_ok=True)
        (folder / "__pycache__" / "x.pyc").write_bytes(b"never copied")
        (folder / "__init__.py").write_text(text)
        (folder / "web" / "__init__.py").write_text("")
        (folder / "py.typed").write_text("")
        return RuntimeSource(folder=folder, version=version)

    return make


@pytest.fixture(name="snapshot")
def _snapshot() -> Callable[[Path], Tree]:
    return snapshot
