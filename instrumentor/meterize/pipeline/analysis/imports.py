"""What the import of a package alone executes: a hook there would count everybody's start."""

from __future__ import annotations

import keyword
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from meterize.errors import TestsError
from meterize.model.coverage import CoverageRecord, Executed, unite
from meterize.model.package import Package
from meterize.model.running import Running
from meterize.pipeline.progress import Progress
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target

from .suites import Suite, run_all

_SECONDS: Final = 60.0
"""An import that takes longer waits for something."""
_ARRIVED: Final = 77


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a ``statement`` executes in a process of its own; None if it fails there."""

    statement: str
    executed: Executed | None

    @property
    def excuse(self) -> str:
        """Why it is not known what it executes, if somebody tried."""
        return f" (whether `{self.statement}` alone does that is not known: it fails)" if self.statement else ""


ImportAlone: TypeAlias = Callable[[Iterable[str]], Imported]
"""Imports the package, and the modules of these files of it."""


def import_nothing(_files: Iterable[str]) -> Imported:
    """Where nothing can be run."""
    return Imported(statement="", executed=None)


class Imports:
    """Imports a package in fresh processes, each set of modules once."""

    def __init__(self, package: Package, cwd: Path, run: Callable[[Suite], CoverageRecord]) -> None:
        """``run`` collects what the command of a suite executes; those of here run in ``cwd``."""
        self._package = package
        self._cwd = cwd
        self._run = run
        self._found: dict[str, Imported] = {}

    def __call__(self, files: Iterable[str]) -> Imported:
        """See ImportAlone."""
        modules = sorted({module for file in files if (module := _module(file))} | {self._package.import_name})
        statement = f"import {', '.join(modules)}"
        if statement not in self._found:
            self._found[statement] = Imported(statement=statement, executed=self._execute(statement))
        return self._found[statement]

    def _execute(self, statement: str) -> Executed | None:
        # -P: the working folder may hold a copy of the package, which the suites do not import either. The exit code tells that
        # the import came to its end: a script without a guard ends the process with 0.
        program = shlex.quote(f"{statement}; raise SystemExit({_ARRIVED})")
        command = f"python -P -c {program}; test $? -eq {_ARRIVED}"
        try:
            record = self._run(Suite(name="import", command=command, cwd=self._cwd))
        except TestsError:
            return None
        return unite((record.outside, *(test.executed for test in record.tests)))


def imports_of(
    package: Package,
    code: PackageCode,
    cwd: Path,
    target: Target,
    timeout: float | None,
    progress: Progress | None,
    running: Running,
) -> Imports:
    """Imports as the suites of a package run: kept like these, and bounded by their ``timeout`` or a minute."""
    seconds = _SECONDS if timeout is None else min(timeout, _SECONDS)
    once = replace(running, stability=0)

    def run(suite: Suite) -> CoverageRecord:
        return run_all(package, code, [suite], target, seconds, progress, once)[suite.name]

    return Imports(package, cwd, run)


def _module(file: str) -> str | None:
    """How a file is imported; None if no other module can do that, or it would run the program."""
    parts = file.removesuffix(".py").removesuffix("/__init__").split("/")
    is_name = all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)
    return ".".join(parts) if is_name and parts[-1] != "__main__" else None
