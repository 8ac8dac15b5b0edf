"""Twins: one program, run bare and metered at every block, each time in a new interpreter, and compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType

import pytest

from meterize.cpython.identity import code_digest, code_id, is_function, walk
from meterize.cpython.pyc import compile_module, dump_pyc, pyc_path
from meterize.cpython.versions import HAS_MONITORING
from meterize.flow import build_graph
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module
from meterize.spool import read_processes

HOOKS = Path(__file__).resolve().parents[2] / "hooks"

KINDS = ["once", "every", "every-missing", *([] if HAS_MONITORING else ["once-missing"])]
"""Policies, and hooks whose runtime is missing: of policy once, on 3.12+, nothing is left of those but the prologue."""

NO_RUNTIME = "import sys\nsys.modules['meterize_hooks'] = None\n"

_BARE: dict[object, Ran] = {}
"""What bare programs did, so that each runs once for all kinds."""


@dataclass(frozen=True)
class Ran:
    """A finished process; ``uses`` are by number of the hook."""

    returncode: int
    out: str
    err: str
    uses: Counter[int] = field(default_factory=Counter)
    lost: tuple[str, ...] = ()

    @property
    def told(self) -> tuple[int, str, str]:
        """What the application's user sees."""
        return self.returncode, self.out, self.err


@dataclass
class Twins:
    """A folder with a module that is metered in one way, and the same module bare."""

    folder: Path
    kind: str
    source: str = ""
    hooks: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        return Policy(self.kind.partition("-")[0])

    @property
    def is_missing(self) -> bool:
        return self.kind.endswith("-missing")

    def write(self, source: str) -> None:
        """The module ``metered``."""
        self.source = textwrap.dedent(source)
        self.path.write_text(self.source)

    @property
    def path(self) -> Path:
        return self.folder / "metered.py"

    def meter(self) -> None:
        """Put a hook before every block of every function of the module."""
        code = compile_module(self.source.encode(), str(self.path), 0)
        requests = list(_requests(code, self.policy))
        metered, sites, missing = rewrite_module(code, "metered.py", requests, distribution="dist", version="1")
        assert len(sites) >= len(requests) > 0
        assert not missing
        self.hooks = len(requests)
        self._write_pyc(metered)

    def strip(self) -> None:
        """Let the module be as Python compiles it."""
        self._write_pyc(compile_module(self.source.encode(), str(self.path), 0))

    def _write_pyc(self, code: CodeType) -> None:
        target = pyc_path(self.path, 0)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(dump_pyc(code, self.source.encode()))

    def compare(self, script: str, *options: str, environment: Mapping[str, str] | None = None, fires: bool = True) -> Ran:
        """Run the script both ways, require that nobody can tell, and that hooks have counted; the metered one."""
        bare, metered = self.run_both(script, *options, environment=environment)
        assert metered.told == bare.told
        assert not fires or self.is_missing or metered.uses
        return metered

    def run_both(self, script: str, *options: str, environment: Mapping[str, str] | None = None) -> tuple[Ran, Ran]:
        """What the script does, bare and metered."""
        key = (self.source, script, options, tuple(sorted((environment or {}).items())), self.is_missing)
        if key not in _BARE:
            self.strip()
            _BARE[key] = self.run(script, *options, environment=environment)
        self.meter()
        return _BARE[key], self.run(script, *options, environment=environment)

    def run(self, script: str, *options: str, environment: Mapping[str, str] | None = None) -> Ran:
        """Run the script with the module as it is now. The folder's name, and addresses, are left out of what it says."""
        done = subprocess.run(
            self.command(script, *options),
            env=self.variables(environment),
            check=False,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
        )
        uses, lost = self._counted()
        return Ran(done.returncode, self.plain(done.stdout), self.plain(done.stderr), uses, lost)

    def command(self, script: str, *options: str) -> list[str]:
        """The command line that runs the script, which is written to ``main.py``."""
        (self.folder / "main.py").write_text(textwrap.dedent(script))
        return [sys.executable, *options, "main.py"]

    def variables(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of either twin."""
        own = ("METERIZE_", "COV", "PYTHON", "PYTEST")
        (self.folder / "sitecustomize.py").write_text(NO_RUNTIME if self.is_missing else "")
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(own)},
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(HOOKS)]),
            "METERIZE_SPOOL": str(self.folder / "spool"),
            "METERIZE_HOOK_LIMIT": "8192",
            **self.environment,
            **(more or {}),
        }

    def plain(self, text: str) -> str:
        return re.sub(r"0x[0-9a-f]{6,}", "0x…", text.replace(str(self.folder), "@"))

    def _counted(self) -> tuple[Counter[int], tuple[str, ...]]:
        uses: Counter[int] = Counter()
        lost: list[str] = []
        for process in read_processes(self.folder / "spool")[0]:
            assert not process.problems
            for (hook, _), count in process.counts.items():
                uses[int(process.hooks[hook].id.rpartition("/")[2])] += count
            lost += [loss[0] for loss in process.losses]
        shutil.rmtree(self.folder / "spool", ignore_errors=True)
        return uses, tuple(lost)


def _requests(module: CodeType, policy: Policy) -> Iterator[HookRequest]:
    number = 0
    for _, code in walk(module):
        if not is_function(code):
            continue
        for block in build_graph("metered.py", code).blocks:
            if block.hook_offset is not None:
                number += 1
                yield HookRequest(
                    id=f"dist/feat/{number}",
                    feature="feat",
                    policy=policy,
                    code=code_id("metered.py", code),
                    digest=code_digest(code),
                    offset=block.hook_offset,
                )


EVERYDAY = '''
"""A little of everything that an application has."""
import contextlib, functools


def classify(n):
    if n % 3 == 0:
        return "three" if n % 2 else "six"
    elif n % 5 == 0:
        return "five"
    return str(n)


def add(*numbers, start=0, **options):
    """Adds."""
    total = start
    for number in numbers:
        total += number
    else:
        total += len(options)
    return total


def walk(depth):
    yield depth
    if depth:
        yield from walk(depth - 1)
        try:
            yield -depth
        finally:
            depth = None


def fail(n):
    try:
        return 10 / n
    except ZeroDivisionError as error:
        raise ValueError(f"no {n}") from error
    finally:
        n = None


def adder(k):
    def inner(x: int = 1, /, y: int = 2, *, z: int = 3) -> int:
        return x + y + z + k
    return inner


@contextlib.contextmanager
def opened(name):
    yield [name]


def use():
    with opened("a") as first, contextlib.suppress(KeyError):
        first.append({}["missing"])
    return first


def match(value):
    match value:
        case [x, y, *_]:
            return x + y
        case {"key": inner}:
            return inner
        case _:
            return None


class Box:
    def __init__(self, size):
        self.size = size

    @functools.cached_property
    def volume(self):
        return self.size ** 3

    @property
    def side(self):
        return self.size

    @staticmethod
    def make(size=2):
        return Box(size)

    @classmethod
    def named(cls, name):
        return cls(len(name))

    def __repr__(self):
        return f"Box({self.size})"


class Pause:
    def __await__(self):
        yield self


def run(coroutine):
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value


async def wait(n):
    await Pause()
    return n * 2


async def ticks(n):
    for i in range(n):
        yield i


async def gather():
    found = [await wait(i) for i in range(3)]
    return found + [i async for i in ticks(3) if i]


def deep(n):
    return deep(n - 1) + 1 if n else 0


double = lambda x: x * 2


def main():
    said = [classify(n) for n in range(8)]
    said += [add(1, 2, start=3, other=4), list(walk(2)), adder(1)(), use()]
    said += [match([1, 2]), match({"key": 3}), match(4), Box.make().volume, Box.named("four").side]
    said += [run(gather()), deep(20), double(4), sorted({double(x) for x in (1, 2)})]
    try:
        fail(0)
    except ValueError as error:
        said.append(repr(error.__cause__))
    return said


if __name__ == "__main__":
    print(main())
'''


@pytest.fixture(params=KINDS)
def twins(tmp_path: Path, request: pytest.FixtureRequest) -> Twins:
    """Twins of the module ``EVERYDAY``, metered in each way."""
    made = Twins(tmp_path, request.param)
    made.write(EVERYDAY)
    return made


@pytest.fixture
def twins_of(tmp_path: Path) -> Sequence[Twins]:
    """Twins, one a kind, for a test that goes through all kinds itself."""
    found = []
    for kind in KINDS:
        (folder := tmp_path / kind).mkdir()
        found.append(Twins(folder, kind))
    return found
