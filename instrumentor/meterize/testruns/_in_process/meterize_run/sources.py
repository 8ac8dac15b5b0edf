"""Which code is the package's: its source files, and other copies of them that are imported instead."""

from __future__ import annotations

from os import getcwd
from os.path import isfile, normpath, realpath

from .journal import Journal
from .settings import Settings

_SHADOWS_NOTED = 20


class Sources:
    """Knows the package's files by ``co_filename``."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._site = realpath(settings.site)
        self._journal = journal
        self._shadows = 0
        self._known: dict[str, str | None] = {}
        self._by_name: dict[str, list[str]] = {}
        for module in settings.modules:
            self._by_name.setdefault(module.rpartition("/")[2], []).append(module)
        try:
            self._start = getcwd()  # noqa: PTH109  # pathlib is not loaded at start
        except OSError:  # removed under our feet
            self._start = "/"

    def module_of(self, filename: str) -> str | None:
        """The package's module that a file is, relative to the site folder; None if it is none of them.

        A copy somewhere else (the working folder, ``src/``) is noted, since it explains missing data.
        """
        try:
            return self._known[filename]
        except KeyError:
            module = self._find(filename)
            if not filename.startswith("<"):
                self._known[filename] = module
            return module

    def _find(self, filename: str) -> str | None:
        candidates = self._by_name.get(filename.rpartition("/")[2])
        if not candidates:
            return None
        # Relative in a script alone, whose name was given while this was the working folder.
        absolute = normpath(filename if filename.startswith("/") else f"{self._start}/{filename}")
        for path in (absolute, realpath(absolute)):
            for module in candidates:
                if path == f"{self._site}/{module}":
                    return module
        if self._is_copy(absolute, candidates):
            self._note_shadow(absolute)
        return None

    @staticmethod
    def _is_copy(absolute: str, candidates: list[str]) -> bool:
        root = next((absolute.removesuffix(module) for module in candidates if absolute.endswith(f"/{module}")), None)
        return root is not None and not isfile(f"{root}__init__.py")  # noqa: PTH113  # else vendored, part of another

    def note_script(self, given: str) -> None:
        """The process runs a script, ``sys.argv[0]`` as it starts: is it a file of the package, or a copy of one?

        Python compiles a script each time, and never looks at a compiled file.
        """
        absolute = normpath(given if given.startswith("/") else f"{self._start}/{given}")
        for path in (absolute, f"{absolute}/__main__.py"):
            candidates = self._by_name.get(path.rpartition("/")[2])
            if candidates and isfile(path) and (self.module_of(path) or self._is_copy(path, candidates)):  # noqa: PTH113
                self._journal.note("script", path)

    def _note_shadow(self, path: str) -> None:
        self._shadows += 1
        if self._shadows <= _SHADOWS_NOTED:
            self._journal.note("shadow", path)
