"""What testruns needs where executed instructions are noted by probes: prepared modules, and what each probe tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meterize.model.code import CodeId, InstructionMask

INDEX: Final = "index"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeBuild:
    """A package with probes.

    ``modules`` names, for each module (posix, relative to the site folder), its .pyc with probes in ``folder``. ``reach`` is
    indexed by probe: the code object it stands in, and the instructions of the original code that have run when it fires.
    """

    folder: Path
    modules: Mapping[str, str]
    reach: tuple[tuple[CodeId, InstructionMask], ...]


def write_index(build: ProbeBuild) -> None:
    """Write ``folder/index``, which ``_in_process/meterize_run/probes.py`` reads."""
    lines = [str(len(build.reach)), *(text for pair in build.modules.items() for text in pair)]
    (build.folder / INDEX).write_text("\n".join(lines))
