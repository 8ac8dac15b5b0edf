"""What testruns needs where executed instructions are noted by probes: prepared modules, and what each probe tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meterize.model.code import CodeId, InstructionMask

from .index import write_index


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeBuild:
    """A package with probes.

    ``modules`` names, for each module (posix, relative to the site folder), its .pyc with probes in ``folder``. ``reach`` is
    indexed by probe: the code object it stands in, and the instructions of the original code that have run when it fires.
    """

    folder: Path
    modules: Mapping[str, str]
    reach: tuple[tuple[CodeId, InstructionMask], ...]


def index_probes(build: ProbeBuild) -> None:
    """Write the index that ``_in_process/meterize_run/probes.py`` reads."""
    write_index(build.folder, [str(len(build.reach)), *(text for pair in build.modules.items() for text in pair)])
