"""What testruns needs to run a metered package as if it were untouched: the original code of its hooked modules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .index import write_index

LEVELS: Final = (0, 1, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """Hooked modules (posix, relative to the site folder) as they are without hooks: the .pyc of the N-th, for each -O level,
    is ``folder/N.LEVEL.pyc``."""

    folder: Path
    modules: tuple[str, ...]

    def file(self, module: str, level: int) -> Path:
        """Where the .pyc of a module lies."""
        return self.folder / f"{self.modules.index(module)}.{level}.pyc"

    def write_index(self) -> None:
        """Write the index that ``_in_process/meterize_run/originals.py`` reads."""
        write_index(self.folder, self.modules)
