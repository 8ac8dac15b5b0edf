"""The memory of analyze: what the suites of a package executed when they last ran, if nothing has changed since."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import meterize
from meterize.cpython.versions import CACHE_TAG
from meterize.kept_runs import Fingerprints, KeptRuns, Surroundings, kept_runs_folder
from meterize.model.coverage import CoverageRecord
from meterize.model.package import Package
from meterize.pipeline.target import Target


class Memory:
    """``known`` are the runs that were kept, by the name of their suite."""

    def __init__(self, package: Package, target: Target, suites: Mapping[str, tuple[str, Path]]) -> None:
        """``suites`` has the command and the folder of each. What they depend on is looked at now, before any runs."""
        self.known: dict[str, CoverageRecord] = {}
        self._keys: dict[str, str] = {}
        folder = kept_runs_folder(os.environ) if suites else None
        if folder is None:
            return
        self._kept = KeptRuns(folder)
        environment = target.run_environment()
        surroundings = Surroundings(
            python=environment.python,
            interpreter=f"{CACHE_TAG} {sys.version}",
            search_path=target.search_path,
            variables={**os.environ, **environment.variables},
        )
        fingerprints = Fingerprints(package, surroundings, _own_digest())
        for name, (command, cwd) in suites.items():
            key = fingerprints.of(command, cwd)
            if key is None:
                continue
            self._keys[name] = key
            if kept := self._kept.find(key):
                self.known[name] = dataclasses.replace(kept.record, kept_at=kept.at)

    def keep(self, name: str, record: CoverageRecord) -> None:
        """Keep what a suite executed; one that failed may pass next time."""
        if name in self._keys and record.exit_code == 0:
            self._kept.keep(self._keys[name], record)


def _own_digest() -> bytes:
    """Of this tool's own files, by size and time of change: another version of it may see more."""
    digest = hashlib.sha256(meterize.__version__.encode())
    for path in sorted(Path(meterize.__file__).parent.rglob("*.py")):
        status = path.stat()
        digest.update(b"%b %d %d\n" % (os.fsencode(path), status.st_size, status.st_mtime_ns))
    return digest.digest()
