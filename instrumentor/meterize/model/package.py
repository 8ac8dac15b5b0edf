"""An installed package, as far as metering cares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed import package: a folder, or one module on its own.

    ``site`` is the folder that holds it; ``modules`` are its ``.py`` files, posix and relative to ``site``, sorted, without
    the package's own tests; ``compiled`` are its extension modules, which cannot be metered.
    """

    import_name: str
    distribution: str
    version: str
    site: Path
    modules: tuple[str, ...]
    compiled: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """Where import looks for it, posix and relative to ``site``: a folder, or a file's path less ``.py``."""
        return self.import_name.replace(".", "/")

    def claims(self, file: str) -> bool:
        """Whether a module (posix, relative to ``site``) is the package's by its path, be it there or not."""
        return f"{file.removesuffix('.py')}/".startswith(f"{self.stem}/")
