"""A small package in a folder of its own, and suites that use it."""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType

import pytest

from meterize.cpython.identity import code_id, walk
from meterize.cpython.pyc import compile_module, dump_pyc
from meterize.cpython.versions import HAS_MONITORING
from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import CoverageRecord, Executed
from meterize.model.package import Package
from meterize.rewriting import probe_module
from meterize.testruns import ProbeBuild, RunEnvironment, collect

SHOP = {
    "shop/__init__.py": "from shop.prices import gross, net\n",
    "shop/prices.py": """\
def net(amount, reduced=False):
    rate = 7 if reduced else 19
    return amount * 100 // (100 + rate)


def gross(amount):
    return amount * 119 // 100


def each(amounts):
    for amount in amounts:
        yield gross(amount)


class Basket:
    def __init__(self):
        self.amounts = []

    def add(self, amount):
        self.amounts.append(amount)
        return self

    async def total(self):
        return sum(each(self.amounts))
""",
    "shop/late.py": "def rebate(amount):\n    return amount - 1\n",
}


class Suite:
    """The package ``shop`` under ``site`` and a folder ``work`` for tests, which run with this very interpreter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = root / "site"
        self.work = root / "work"
        self.work.mkdir()
        self.seen: list[str] = []
        self.install(SHOP)

    def install(self, files: Mapping[str, str]) -> None:
        """Add files to the site folder."""
        self._write(self.site, files)

    def write(self, **files: str) -> None:
        """Add test modules to the working folder."""
        self._write(self.work, {f"{name}.py": text for name, text in files.items()})

    @staticmethod
    def _write(folder: Path, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @property
    def package(self) -> Package:
        """The package as ``installed`` would find it."""
        package = Package(import_name="shop", distribution="shop", version="1.0", site=self.site, modules=())
        files = (path.relative_to(self.site).as_posix() for path in self.site.rglob("*.py"))
        return dataclasses.replace(package, modules=tuple(sorted(filter(package.claims, files))))

    def environment(self, **variables: str) -> RunEnvironment:
        """This interpreter, with the site folder on its path."""
        return RunEnvironment(python=Path(sys.executable), variables={"PYTHONPATH": str(self.site), **variables})

    def collect(
        self,
        command: str,
        *,
        timeout: float | None = 60,
        cwd: Path | None = None,
        order: int = 0,
        allow_failures: bool = False,
        **variables: str,
    ) -> CoverageRecord:
        """Run a command under collection."""
        return collect(
            command,
            cwd=cwd or self.work,
            package=self.package,
            environment=self.environment(**variables),
            timeout=timeout,
            on_progress=self.seen.append,
            probes=self._probes(),
            order=order,
            allow_failures=allow_failures,
        )

    def _probes(self) -> ProbeBuild | None:
        if HAS_MONITORING:
            return None
        folder = self.root / "probes"
        folder.mkdir(exist_ok=True)
        modules: dict[str, str] = {}
        reach: list[tuple[CodeId, InstructionMask]] = []
        for number, module in enumerate(self.package.modules):
            probed, probes = probe_module(self.code(module), module, len(reach))
            modules[module] = f"{number}.pyc"
            reach += ((probe.code, probe.reach) for probe in probes)
            (folder / modules[module]).write_bytes(dump_pyc(probed, (self.site / module).read_bytes()))
        return ProbeBuild(folder=folder, modules=modules, reach=tuple(reach))

    def code(self, module: str) -> CodeType:
        """A module's code, compiled from its source."""
        path = self.site / module
        return compile_module(path.read_bytes(), str(path), 0)

    def lines(self, executed: Executed, module: str = "shop/prices.py") -> set[int]:
        """The source lines of a module that a record says were executed, without those of ``def`` itself."""
        codes = {code_id(module, code): code for _, code in walk(self.code(module))}
        return {
            line
            for name, mask in executed.items()
            if name.file == module
            for start, end, line in codes[name].co_lines()
            if line and line != name.first_line and any(mask >> (offset >> 1) & 1 for offset in range(start, end, 2))
        }


def functions(executed: Executed) -> set[str]:
    """The functions that a record says were executed."""
    return {name.qualname for name in executed if name.qualname != "<module>"}


def by_test(record: CoverageRecord) -> dict[str, set[str]]:
    """The executed functions of each test."""
    return {test.id: functions(test.executed) for test in record.tests}


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


@pytest.fixture
def read_functions() -> Callable[[Executed], set[str]]:
    return functions


@pytest.fixture
def read_tests() -> Callable[[CoverageRecord], dict[str, set[str]]]:
    return by_test


@pytest.fixture(autouse=True)
def _no_processes_left(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Private folders go to this test's own place, and nothing is left there.

    Its path is short, for multiprocessing puts sockets there, whose names may have 107 bytes (unix(7)).
    """
    tmp_path_factory.getbasetemp()  # pytest's own folder, which outlives this test, is made elsewhere first
    with tempfile.TemporaryDirectory(prefix="mz-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", None)
        yield
        _nothing_is_left(place)


def _nothing_is_left(place: Path) -> None:
    assert [path.name for path in place.iterdir() if path.name.startswith("meterize-")] == []
    marker = f"METERIZE_RUN_FOLDER={place}".encode()
    deadline = time.monotonic() + 10
    while left := _processes_with(marker):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _processes_with(marker: bytes) -> list[str]:
    """The command lines of the processes whose environment holds ``marker``."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                if marker in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue
    return found
