"""Target environments that need no package index, and the command line as a real process that works on them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meterize.cli.elsewhere import lent_paths

GREENHOUSE = Path(__file__).resolve().parents[2] / "sample_apps" / "greenhouse"
OLD_NS = 1_500_000_000_123_456_789
"""A time stamp that nothing gets by accident."""
NOT_OURS = ("PYTHON", "PYTEST", "METERIZE", "COVERAGE", "VIRTUAL_ENV", "XDG", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR")
NOBODY = 65534
BORROWED = ("pytest", "_pytest", "py.py", "pluggy", "iniconfig", "packaging", "pygments")

CLASSES = {"irrigation": "IrrigationTest", "forecast": "ForecastTest", "stations": "StationsTest"}
"""The features of the greenhouse, of three kinds (function, generator, coroutine), and the tests of each."""

Tree = dict[str, tuple[object, ...]]


def clean_variables(**more: str) -> dict[str, str]:
    """What a user's shell has, as far as it concerns Python; nothing of the test run's own, and no place to keep runs in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
    return {**kept, "LANG": "C.UTF-8", "XDG_CACHE_HOME": "/dev/null/nowhere", **more}


@dataclass
class Ran:
    """A finished process."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        """The answer to ``--json``: one object, and nothing beside it on stdout."""
        answer = json.loads(self.out)
        assert isinstance(answer, dict)
        assert answer["schema"] == 1
        return answer

    def __str__(self) -> str:
        return f"{' '.join(self.arguments)}\nexit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def run(arguments: Sequence[str | Path], *, cwd: Path, variables: Mapping[str, str], timeout: float = 120) -> Ran:
    done = subprocess.run(
        [str(argument) for argument in arguments],
        cwd=cwd, env=dict(variables), capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Ran(tuple(map(str, arguments)), done.returncode, done.stdout, done.stderr)


def snapshot(folder: Path) -> Tree:
    """Everything in the folder and the folder itself: kind, mode, modification time, bytes.

    The time stamps of the folders in the tool's own store are nobody's concern.
    """
    tree: Tree = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content: object = path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        is_inner = content is None and ".meterize" in path.parts
        tree[path.relative_to(folder).as_posix()] = (oct(status.st_mode), None if is_inner else status.st_mtime_ns, content)
    return tree


def age(folder: Path) -> None:
    """Give everything but the sources, whose stamps their compiled files remember, a time stamp of its own, long ago."""
    everything = sorted(folder.rglob("*"), key=lambda path: (-len(path.parts), path))
    for number, path in enumerate([*everything, folder]):
        if path.suffix != ".py" and not path.is_symlink():
            os.utime(path, ns=(OLD_NS + number * 7, OLD_NS + number * 7))


def write_metadata(site: Path, name: str, files: Sequence[str], version: str = "1.0") -> Path:
    """What an installer leaves beside the files."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in (*files, f"{info.name}/METADATA", f"{info.name}/RECORD")))
    return info


def install(site: Path, files: Mapping[str, str], *, name: str, version: str = "1.0") -> None:
    """Lay a distribution into a site folder, as an installer would."""
    for file, text in files.items():
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_metadata(site, name, list(files), version)


def check_clean(lab: Lab, ran: Ran) -> None:
    """The tool never crashes and never leaves a temporary file; a traceback may stand in a suite's own output."""
    assert "Traceback" not in ran.out or ran.arguments[0] == "verify", ran
    assert "Traceback" not in ran.err or ran.err.startswith("error (suite-failed)"), ran
    assert [path.name for path in lab.temp.iterdir() if not is_try_of_folder(path)] == [], ran


def is_try_of_folder(path: Path) -> bool:
    """Whether ``tempfile`` made it to see if it may (_get_default_tempdir): a suite that is ended just then leaves it."""
    return re.fullmatch("[a-z0-9_]{8}", path.name) is not None and path.is_file() and path.read_bytes() in (b"", b"blat")


class Server:
    """A process that has imported the tool, and runs each command line in a fork of itself."""

    def __init__(self, home: Lab) -> None:
        self.home = home
        script = Path(__file__).with_name("command_server.py")
        self._process = subprocess.Popen(
            [home.python, script, json.dumps(lent_paths())],
            cwd=home.work, env=home.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, lab: Lab, arguments: Sequence[str | Path], user: int = 0, variables: Mapping[str, str] = {}) -> Ran:
        """Run a command line on an environment that is a copy of the server's own."""
        words = tuple(map(str, arguments))
        command = {
            "arguments": words, "cwd": str(lab.work), "variables": lab.environment(**variables), "user": user,
            "out": str(lab.root / "out"), "err": str(lab.root / "err"), "moved": [str(self.home.venv), str(lab.venv)],
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(command)}\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        ran = Ran(words, answer["code"], answer["out"], answer["err"])
        check_clean(lab, ran)
        return ran

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


@dataclass
class Quick:
    """The command line on one environment, without the start of an interpreter each time."""

    lab: Lab
    server: Server

    def __call__(self, *arguments: str | Path, user: int = 0, **variables: str) -> Ran:
        return self.server.run(self.lab, arguments, user, variables)


@dataclass
class Lab:
    """A target environment, a folder that the tool is started in, one for temporary files, and a spool: all of one test."""

    root: Path
    suite: Path
    quick: Quick | None = None
    """What runs the tool, if not a process from scratch each time."""

    def __post_init__(self) -> None:
        for folder in (self.work, self.temp):
            folder.mkdir(exist_ok=True)

    @property
    def venv(self) -> Path:
        return self.root / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def site(self) -> Path:
        return next((self.venv / "lib").glob("python3.*/site-packages"))

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def temp(self) -> Path:
        return self.root / "temp"

    @property
    def spool(self) -> Path:
        return self.root / "spool"

    def environment(self, **more: str) -> dict[str, str]:
        return clean_variables(**{"METERIZE_SPOOL": str(self.spool), "TMPDIR": str(self.temp), **more})

    def command(self, *arguments: str | Path, python: Path | None = None) -> list[str]:
        """The tool, in the environment that runs the tests, working on this one."""
        return [sys.executable, "-m", "meterize", "--python", str(python or self.venv), *map(str, arguments)]

    def meterize(self, *arguments: str | Path, cwd: Path | None = None, **variables: str) -> Ran:
        """Run the tool to its end; it never leaves a temporary file."""
        if self.quick is not None and cwd is None:
            return self.quick(*arguments, **variables)
        ran = run(self.command(*arguments), cwd=cwd or self.work, variables=self.environment(**variables))
        check_clean(self, ran)
        return ran

    def ask(self, *arguments: str | Path, code: int = 0, **variables: str) -> dict[str, Any]:
        """The JSON answer of a command that ends with this exit code."""
        ran = self.meterize(*arguments, "--json", **variables)
        assert ran.code == code, ran
        assert ran.err == "", ran
        return ran.json()

    def use(self, program: str, *arguments: str, **variables: str) -> Ran:
        """Run a program of the target environment: its source, or ``-m``."""
        words = [program, *arguments] if program.startswith("-") else ["-c", program, *arguments]
        ran = run([self.python, *words], cwd=self.work, variables=self.environment(**variables))
        assert ran.code == 0, ran
        return ran

    def analyze(self, feature: str = "irrigation", *options: str | Path, **commands: str) -> Ran:
        """Analyze a feature of the greenhouse by unittest."""
        select, rest = commands.pop("with_command", of_feature(feature)), commands.pop("without_command", of_rest(feature))
        return self.meterize(
            "analyze", "greenhouse", "--feature", feature, "--with", select, "--without", rest, "--cwd", self.suite, *options,
            **commands,
        )  # fmt: skip

    def instrument(self, plan: Path, *options: str, code: int = 0) -> Ran:
        ran = self.meterize("instrument", plan, *options)
        assert ran.code == code, ran
        return ran

    def tree(self) -> Tree:
        """All that a refused command must leave alone: the environment and the folder that the tool was started in."""
        return {f"{name}:{path}": entry for name in ("venv", "work") for path, entry in snapshot(self.root / name).items()}

    def refused(
        self, ran: Ran, code: int, slug: str, *says: str, before: Tree | None = None, screen: tuple[int, int] = (24, 80)
    ) -> None:
        """The command failed as it should: its exit code, an error with a next step on one screen, and nothing changed."""
        height, width = screen
        assert ran.code == code, ran
        assert ran.out == "", ran
        assert ran.err.startswith(f"error ({slug}): "), ran
        rows = sum(1 + (len(line) - 1) // width if line else 1 for line in ran.err.splitlines())
        assert rows <= height, f"{rows} rows\n{ran}"
        message, _, hint = ran.err.strip().rpartition("\n\n")
        assert message, ran
        assert len(hint) > 20, ran
        for words in says:
            assert words.lower() in ran.err.lower(), ran
        if before is not None:
            after = self.tree()
            changed = {path for path in after.keys() | before.keys() if after.get(path) != before.get(path)}
            assert not changed, ran


def of_feature(feature: str) -> str:
    return f"python -m unittest test_{feature}"


def of_rest(feature: str) -> str:
    rest = {"climate", "command_line", "forecast", "irrigation", "readings", "stations"} - {feature}
    return f"python -m unittest {' '.join(f'test_{each}' for each in sorted(rest))}"


def borrow(site: Path, modules: Sequence[str], folder: Path) -> None:
    """Lend modules of the environment that runs the tests to another one, by a .pth file."""
    own = Path(pytest.__file__).parent.parent
    folder.mkdir()
    for name in modules:
        (folder / name).symlink_to(own / name)
    (site / "borrowed.pth").write_text(f"{folder}\n")


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the environment that all others are copies of, and the greenhouse's tests."""
    folder = tmp_path_factory.mktemp("workshop")
    run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], cwd=folder, variables=clean_variables())
    lab = Lab(folder, folder / "suite")
    sources = sorted((GREENHOUSE / "greenhouse").glob("*.py"))
    (lab.site / "greenhouse").mkdir()
    for source in sources:
        shutil.copyfile(source, lab.site / "greenhouse" / source.name)
    write_metadata(lab.site, "greenhouse", [f"greenhouse/{source.name}" for source in sources], "1.0.0")
    borrow(lab.site, BORROWED, folder / "borrowed")
    run([lab.python, "-m", "compileall", "-q", lab.site], cwd=folder, variables=clean_variables())
    age(lab.venv / "lib")
    shutil.copytree(GREENHOUSE / "tests", lab.suite, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


@pytest.fixture
def lab(workshop: Path, tmp_path: Path) -> Lab:
    """A fresh environment with the greenhouse, compiled long ago."""
    return make_lab(workshop, tmp_path / "lab")


def make_lab(workshop: Path, root: Path) -> Lab:
    shutil.copytree(workshop / "venv", root / "venv", symlinks=True)
    return Lab(root, workshop / "suite")


@contextmanager
def serve(lab: Lab) -> Iterator[Quick]:
    server = Server(lab)
    try:
        yield Quick(lab, server)
    finally:
        server.close()


@pytest.fixture(scope="session")
def server(workshop: Path) -> Iterator[Server]:
    with serve(Lab(workshop, workshop / "suite")) as quick:
        yield quick.server


@pytest.fixture
def quick(lab: Lab, server: Server) -> Quick:
    """For the many command lines of one test."""
    return Quick(lab, server)


@pytest.fixture(scope="session")
def plan_text(workshop: Path) -> Callable[[str], str]:
    """The plan of a feature of the greenhouse, as analyze writes it; made once."""
    known: dict[str, str] = {}
    lab = Lab(workshop, workshop / "suite")

    def make(feature: str) -> str:
        if feature not in known:
            path = lab.work / f"{feature}.plan.toml"
            ran = lab.analyze(feature, "--plan", path)
            assert ran.code == 0, ran
            known[feature] = path.read_text()
        return known[feature]

    return make


@pytest.fixture
def plan(lab: Lab, plan_text: Callable[[str], str]) -> Callable[..., Path]:
    """Lays a plan of the greenhouse into the folder that the tool is started in."""

    def lay(feature: str = "irrigation", name: str = "", edit: Callable[[str], str] = str) -> Path:
        path = lab.work / (name or f"{feature}.plan.toml")
        path.write_text(edit(plan_text(feature)))
        return path

    return lay


@pytest.fixture(scope="session")
def metered_workshop(workshop: Path, plan_text: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the workshop, with the irrigation instrumented for every use."""
    folder = tmp_path_factory.mktemp("metered")
    lab = make_lab(workshop, folder)
    path = lab.work / "irrigation.plan.toml"
    path.write_text(plan_text("irrigation"))
    lab.instrument(path, "--policy", "every")
    return folder


@pytest.fixture
def metered(lab: Lab, plan: Callable[..., Path], metered_workshop: Path) -> Path:
    """The plan of the irrigation, instrumented for every use."""
    shutil.rmtree(lab.venv)
    shutil.copytree(metered_workshop / "venv", lab.venv, symlinks=True)
    return plan("irrigation")


# Test modules are imported without a package (--import-mode=importlib): what they share reaches them as fixtures.
@pytest.fixture(name="snapshot_of", scope="session")
def _snapshot_of() -> Callable[..., Tree]:
    return snapshot


@pytest.fixture(name="install", scope="session")
def _install() -> Callable[..., None]:
    return install


@pytest.fixture(name="clean_variables", scope="session")
def _clean_variables() -> Callable[..., dict[str, str]]:
    return clean_variables


@pytest.fixture(name="make_lab", scope="session")
def _make_lab() -> Callable[[Path, Path], Lab]:
    return make_lab


@pytest.fixture(name="run", scope="session")
def _run() -> Callable[..., Ran]:
    return run


@pytest.fixture(name="serve", scope="session")
def _serve() -> Callable[[Lab], AbstractContextManager[Quick]]:
    return serve


@pytest.fixture(name="borrow", scope="session")
def _borrow() -> Callable[..., None]:
    return borrow


@pytest.fixture(name="of_rest", scope="session")
def _of_rest() -> Callable[[str], str]:
    return of_rest


def processes_of(lab: Lab) -> list[int]:
    """Those that have the lab's folder for temporary files."""
    mark = f"TMPDIR={lab.temp}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone by now
            if mark in (process / "environ").read_bytes() + b"\0":
                found.append(int(process.name))
    return found


@pytest.fixture(scope="session")
def left_behind() -> Callable[[Lab], list[int]]:
    """The processes of a lab that do not go away; a killed one may take a moment to be gone."""

    def find(lab: Lab) -> list[int]:
        deadline = time.monotonic() + 5
        while (found := processes_of(lab)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    return find


@pytest.fixture(scope="session")
def nobody() -> int:
    return NOBODY


@pytest.fixture(scope="session")
def let_in() -> Callable[[Lab], None]:
    """Lets any user walk to a lab, whose folders pytest makes for their owner only, and write to its spool."""

    def open_up(lab: Lab) -> None:
        for folder in (lab.root, *lab.root.parents):
            if folder in (Path(tempfile.gettempdir()), Path.home(), Path("/")):
                break
            folder.chmod(folder.stat().st_mode | 0o055)
        lab.spool.mkdir(exist_ok=True)
        for folder in (lab.temp, lab.spool):
            folder.chmod(0o777)
        if not can_reach(lab.work, NOBODY):
            pytest.skip("temporary files lie where other users cannot reach them")

    return open_up


def can_reach(path: Path, user: int) -> bool:
    """Whether another user gets to a file or folder, and may execute or enter it."""
    words = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
    return subprocess.run(words, user=user, group=user, extra_groups=[], cwd="/", check=False).returncode == 0


@pytest.fixture(name="can_reach", scope="session")
def _can_reach() -> Callable[[Path, int], bool]:
    return can_reach
