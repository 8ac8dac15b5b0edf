"""Which code is the package's: its source files, and other copies of them that are imported instead."""

from __future__ import annotations

from os import getcwd
from os.path import isabs, join, normpath, realpath

from . import journal

_site = ""
_by_tail: dict[str, list[str]] = {}
_known: dict[str, str | None] = {}
_SHADOWS_NOTED = 20
_shadows = 0
_cwd = ""


def configure(site: str, modules: tuple[str, ...]) -> None:
    """Learn the package's files; ``modules`` are relative to ``site``."""
    global _site, _cwd
    _site = realpath(site)
    try:
        _cwd = getcwd()
    except OSError:  # removed under our feet
        _cwd = "/"
    for module in modules:
        _by_tail.setdefault(module.rpartition("/")[2], []).append(module)


def module_of(filename: str) -> str | None:
    """The package's module that this ``co_filename`` is, relative to the site folder; None if it is none of them.

    A copy somewhere else (the working folder, ``src/``) is noted, since it explains missing data.
    """
    try:
        return _known[filename]
    except KeyError:
        module = _find(filename)
        if not filename.startswith("<"):
            _known[filename] = module
        return module


def _find(filename: str) -> str | None:
    candidates = _by_tail.get(filename.rpartition("/")[2])
    if not candidates:
        return None
    absolute = normpath(filename if isabs(filename) else join(_cwd, filename))
    module = next((module for module in candidates if absolute.endswith("/" + module)), None)
    if absolute == f"{_site}/{module}":
        return module
    try:
        real = realpath(absolute)
    except OSError:
        return None
    found = next((module for module in candidates if real == f"{_site}/{module}"), None)
    if found is None and module is not None:
        _note_shadow(absolute)
    return found


def _note_shadow(path: str) -> None:
    global _shadows
    _shadows += 1
    if _shadows <= _SHADOWS_NOTED:
        journal.note("shadow", path)
