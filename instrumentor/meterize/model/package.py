"""An installed package, as far as metering cares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed import package.

    ``site`` is the folder that holds it; ``modules`` are its ``.py`` files, posix and relative to ``site``, sorted, without
    the package's own tests; ``compiled`` are its extension modules, which cannot be metered.
    """

    import_name: str
    distribution: str
    version: str
    site: Path
    modules: tuple[str, ...]
    compiled: tuple[str, ...] = ()
