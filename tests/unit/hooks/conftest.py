"""Metered modules, made by the real rewriting, and processes of their own to run them in."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.legality import hook_offsets
from meterize.cpython.pyc import compile_module, dump_pyc, pyc_path
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module
from meterize.spool import ProcessUse, read_processes

HOOKS = Path(__file__).resolve().parents[3] / "hooks"
if str(HOOKS) not in sys.path:
    sys.path.insert(0, str(HOOKS))


@dataclass
class Ran:
    """A finished process, and what is in its spool."""

    returncode: int
    out: str
    err: str
    processes: list[ProcessUse]
    problems: list[str]

    @property
    def uses(self) -> Counter[tuple[str, str | None]]:
        """Uses by (number of the hook, subject)."""
        found: Counter[tuple[str, str | None]] = Counter()
        for process in self.processes:
            for (hook, row), count in process.counts.items():
                found[process.hooks[hook].id.rpartition("/")[2], process.subjects.get(row)] += count
        return found

    @property
    def counted(self) -> list[int]:
        """Uses by process, of those that counted any, in rising order."""
        return sorted(sum(process.counts.values()) for process in self.processes if process.counts)

    @property
    def losses(self) -> Counter[str]:
        """How often, by reason."""
        found: Counter[str] = Counter()
        for process in self.processes:
            for loss, count in process.losses.items():
                found[loss[0]] += count
        return found

    @property
    def lost(self) -> list[str]:
        """Reasons, one for each that was lost."""
        return [loss[0] for process in self.processes for loss in process.losses]


@dataclass
class Bench:
    """A folder with metered modules and a spool."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    def meter(self, source: str, *, policy: str, name: str = "metered") -> Path:
        """Write a module; each line gets as many hooks as it has ``# hook`` at its end, numbered from 1 in the order of the
        lines."""
        text = textwrap.dedent(source)
        path = self.folder / f"{name}.py"
        path.write_text(text)
        code = compile_module(text.encode(), str(path), 0)
        lines = [number for number, line in enumerate(text.splitlines(), 1) for _ in range(line.count("# hook"))]
        requests = [_request(code, path.name, line, f"dist/feat/{number}", policy) for number, line in enumerate(lines, 1)]
        metered, _, missing = rewrite_module(code, path.name, requests, distribution="dist", version="1.0")
        assert not missing
        target = pyc_path(path, 0)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(dump_pyc(metered, text.encode()))
        return path

    def run(
        self, script: str, *options: str, hooks: bool = True, environment: Mapping[str, str] | None = None, check: bool = True
    ) -> Ran:
        """Run the script in a new interpreter that finds the metered modules and, unless told otherwise, the hooks."""
        (self.folder / "main.py").write_text(textwrap.dedent(script))
        done = subprocess.run(
            self.command(*([] if hooks else ["-S"]), *options),
            env=self.variables(environment, hooks=hooks),
            check=False,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return self.read(done)

    def command(self, *options: str) -> list[str]:
        """The command line that runs ``main.py``."""
        return [sys.executable, *options, str(self.folder / "main.py")]

    def variables(self, more: Mapping[str, str] | None = None, *, hooks: bool = True) -> dict[str, str]:
        """The environment of a metered process."""
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("METERIZE_", "COV", "PYTHON"))},
            "PYTHONPATH": os.pathsep.join([str(self.folder), *([str(HOOKS)] if hooks else [])]),
            "METERIZE_SPOOL": str(self.spool),
            **self.environment,
            **(more or {}),
        }

    def read(self, done: subprocess.CompletedProcess[str]) -> Ran:
        """What the spool says now."""
        processes, problems = read_processes(self.spool)
        problems += [problem for process in processes for problem in process.problems]
        return Ran(done.returncode, done.stdout, done.stderr, processes, problems)


def _request(module: Any, file: str, line: int, hook_id: str, policy: str) -> HookRequest:
    for _, code in reversed(list(walk(module))):
        starts = sorted(set(_offsets(code, line)) & hook_offsets(code))
        if starts and code.co_name != "<module>":
            return HookRequest(
                id=hook_id,
                feature="feat",
                policy=Policy(policy),
                code=code_id(file, code),
                digest=code_digest(code),
                offset=starts[0],
            )
    raise AssertionError(f"no hook can stand in line {line}")


def _offsets(code: Any, line: int) -> Sequence[int]:
    return [2 * unit for unit, position in enumerate(code.co_positions()) if position[0] == line]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
