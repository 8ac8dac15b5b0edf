"""Where the code of a module lies, be it Python or machine code."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

from .contents import is_extension


def find_module_file(name: str, site: Path) -> Path | None:
    """The file that import would take for a module of that dotted name in a site folder, or the folder of a namespace package;
    nothing is imported or executed."""
    path = [str(site)]
    found: str | None = None
    *parents, _ = parts = name.split(".")
    for depth in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: depth + 1]), path)
        if spec is None or (depth < len(parents) and spec.submodule_search_locations is None):
            return None
        path = list(spec.submodule_search_locations or ())
        found = spec.origin if spec.has_location else next(iter(path), None)
    return Path(found) if found else None


def is_machine_code(file: Path) -> bool:
    """Whether a module's file is an extension module."""
    return is_extension(file.name)
