"""The environment that is worked on: its interpreter and where it finds packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meterize.cpython.versions import check_supported
from meterize.errors import MeterizeError
from meterize.installed import locate
from meterize.model.package import Package
from meterize.testruns import RunEnvironment


def _own_search_path() -> tuple[str, ...]:
    # The first entry is the folder of the script, or the working folder under -m: never where a target is installed.
    return tuple(entry for entry in sys.path[1:] if entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The environment whose packages are metered: by default the one that runs this code."""

    python: Path = field(default_factory=lambda: Path(sys.executable))
    search_path: Sequence[str] = field(default_factory=_own_search_path)

    def package(self, name: str) -> Package:
        """Find an installed package by import or distribution name; raises TargetError."""
        check_supported()
        return locate(name, self.search_path)

    def sites(self) -> Iterator[Path]:
        """Each folder of the search path, once; what this user cannot read is passed over, as import does."""
        seen = set()
        for entry in self.search_path:
            if (
                os.access(entry, os.R_OK | os.X_OK)
                and (folder := Path(entry)).is_dir()
                and (real := folder.resolve()) not in seen
            ):
                seen.add(real)
                yield folder

    def run_environment(self) -> RunEnvironment:
        """How the user's commands are run: ``python`` in them is this interpreter."""
        return RunEnvironment(python=self.python, variables={})

    def knows(self, name: str) -> bool:
        """Whether the package is installed here at all."""
        try:
            self.package(name)
        except MeterizeError:
            return False
        return True
