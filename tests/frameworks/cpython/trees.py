"""Owns copies of an interpreter whose standard library is hooked at every block: one tree for each way of hooking."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.frameworks import saturation
from tests.frameworks.saturation import saturate
from tests.frameworks.ways import RUNTIME, TWINS, WAYS, digest, install_runtime, link

from meterize.cpython.versions import RELEASE

ROOT = Path(__file__).parents[3]
INSIDE = Path(__file__).parent / "inside.py"

DISTRIBUTION = "stdlib"
UNHOOKED = frozenset(
    {"test", "idlelib", "turtledemo", "ensurepip", "site-packages", "dist-packages", "lib-dynload", "__pycache__"}
)
"""Top-level folders without hooks: the tests themselves, and what has none."""
_LAYOUT = "1"
"""Of a tree: another one makes kept trees be planted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A copy of this interpreter, and what was hooked in it."""

    way: str
    folder: Path
    python: Path
    hooks: int
    functions: int
    modules: int
    refused: tuple[str, ...]

    @property
    def has_runtime(self) -> bool:
        return WAYS[self.way][1]

    @property
    def inside(self) -> Path:
        """The runner, in a folder of its own."""
        return self.folder / "runner" / INSIDE.name

    def has_test_file(self, name: str) -> bool:
        """Whether there is a module or package ``test.<name>``."""
        path = self.folder / _STDLIB / "test" / name.replace(".", "/")
        return path.with_suffix(".py").exists() or (path / "__init__.py").exists()

    def changed_files(self) -> list[str]:
        """Compiled modules that are no longer as they were written: tests may have removed or replaced them."""
        return [name for name, wanted in self.written().items() if digest(self.folder / name) != wanted]

    def written(self) -> dict[str, str]:
        """Digests of the compiled modules by path in the tree."""
        written: dict[str, str] = json.loads((self.folder / "written.json").read_text())
        return written


def plant(way: str, kept_in: Path, *, only: Collection[str] = (), jobs: int = 1) -> Tree:
    """The tree of that way, made if it is not kept there in its present form; ``only`` names the parts of the standard
    library to hook, else all are."""
    folder = kept_in / f"{RELEASE}-{way}"
    stamp = _stamp(only)
    with _alone(folder):
        if _read(folder / "stamp") != stamp or _found(folder, way).changed_files():
            shutil.rmtree(folder, ignore_errors=True)
            _copy_interpreter(folder)
            found = _hook(folder, way, plant(TWINS[way], kept_in, only=only, jobs=jobs) if way in TWINS else None, only, jobs)
            if WAYS[way][1]:
                _install(folder)
            compiled = sorted((folder / _STDLIB).rglob("__pycache__/*.pyc"))
            (folder / "written.json").write_text(json.dumps({str(path.relative_to(folder)): digest(path) for path in compiled}))
            (folder / "found.json").write_text(found)
            (folder / "stamp").write_text(stamp)
        (folder / "runner").mkdir(exist_ok=True)
        shutil.copy(INSIDE, folder / "runner")
    return _found(folder, way)


def _hook(folder: Path, way: str, twin: Tree | None, only: Collection[str], jobs: int) -> str:
    """What was hooked, as JSON. The interpreter sees to it that code knows where its file is now."""
    stdlib = folder / _STDLIB
    if twin is None:
        files = _modules(stdlib, only)
        return json.dumps(asdict(saturate(stdlib, WAYS[way][0], distribution=DISTRIBUTION, files=files, jobs=jobs)))
    for name in twin.written():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(twin.folder / name, folder / name)
    return (twin.folder / "found.json").read_text()


def _found(folder: Path, way: str) -> Tree:
    found = json.loads((folder / "found.json").read_text())
    return Tree(
        way=way,
        folder=folder,
        python=folder / _EXECUTABLE,
        hooks=found["hooks"],
        functions=found["functions"],
        modules=found["modules"],
        refused=tuple(f"{one['file']}: {one['qualname']}: {one['reason']}" for one in found["refused"]),
    )


_PREFIX = Path(sys.base_prefix)
_STDLIB = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix})).relative_to(_PREFIX)
_EXECUTABLE = Path("bin") / f"python{sysconfig.get_config_var('py_version_short')}"


def _copy_interpreter(folder: Path) -> None:
    """Hard links where the file system is the same: nobody writes into an installed file, and a compiled one is made anew."""

    def skip(parent: str, names: list[str]) -> list[str]:
        return [name for name in names if name in {"__pycache__", "site-packages", "dist-packages"}]

    (folder / "bin").mkdir(parents=True)
    link(str((_PREFIX / _EXECUTABLE).resolve()), str(folder / _EXECUTABLE))
    for name in ("python3", "python"):
        (folder / "bin" / name).symlink_to(_EXECUTABLE.name)
    include = Path("include") / _EXECUTABLE.name
    for part in (_STDLIB, include):
        if (_PREFIX / part).is_dir():
            shutil.copytree(_PREFIX / part, folder / part, symlinks=True, ignore=skip, copy_function=link)


def _install(folder: Path) -> None:
    program = "import site; print(site.getsitepackages()[0])"
    answer = subprocess.run([folder / _EXECUTABLE, "-I", "-c", program], capture_output=True, text=True, check=True)
    site = Path(answer.stdout.strip())
    assert site.is_relative_to(folder), f"{site} is not in {folder}"
    install_runtime(site)


def _modules(stdlib: Path, only: Collection[str]) -> list[Path]:
    files = []
    for path in sorted(stdlib.iterdir()):
        if path.name in UNHOOKED or (only and path.stem not in only):
            continue
        found = [path] if path.is_file() else path.rglob("*.py")
        files += [file for file in found if file.suffix == ".py" and file.is_file()]
    return [file for file in files if not {"test", "tests"} & set(file.relative_to(stdlib).parts)]


def _stamp(only: Collection[str]) -> str:
    """What a tree depends on."""
    package = ROOT / "instrumentor" / "meterize"
    files = [path for part in ("cpython", "flow", "model", "rewriting") for path in (package / part).rglob("*.py")]
    files += [*RUNTIME.rglob("*.py"), Path(saturation.__file__)]
    parts = [_LAYOUT, sys.version, str(_PREFIX), *sorted(only), *(digest(path) for path in sorted(files))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
