"""The files of a package: its modules, its extension modules, and which of them are only its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path, PurePosixPath
from typing import Final

_TEST_FOLDERS: Final = frozenset({"tests", "test"})
_FOREIGN_SUFFIXES: Final = (".so", ".pyd")
"""Extension modules of other interpreters and platforms; they say as much about a package as those that load here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Posix paths relative to the site folder, sorted. ``sourceless`` are .pyc files that are imported without a source."""

    modules: tuple[str, ...]
    compiled: tuple[str, ...]
    sourceless: tuple[str, ...]


def list_contents(folder: Path, site: Path) -> Contents:
    """Everything importable below the package's ``folder``; nothing is imported or opened."""
    files = sorted(path.relative_to(site).as_posix() for path in _walk(folder))
    compiled = tuple(file for file in files if is_extension(file))
    # An extension module comes before a source of the same name (importlib._bootstrap_external._get_supported_file_loaders).
    shadowed = {_module_of(file) for file in compiled if file.endswith(tuple(EXTENSION_SUFFIXES))}
    depth = len(folder.relative_to(site).parts)
    modules = tuple(
        file for file in files if file.endswith(".py") and not is_test(file, depth) and _module_of(file) not in shadowed
    )
    sourceless = tuple(file for file in files if file.endswith(".pyc"))
    return Contents(modules=modules, compiled=compiled, sourceless=sourceless)


def is_extension(file: str) -> bool:
    """Whether a file is machine code, by its name."""
    return file.endswith((*EXTENSION_SUFFIXES, *_FOREIGN_SUFFIXES))


def is_test(file: str, depth: int) -> bool:
    """Whether a file belongs to the package's own tests; ``depth`` is the number of folders down to the package itself."""
    path = PurePosixPath(file)
    if _TEST_FOLDERS.intersection(path.parts[depth:-1]):
        return True
    return path.name == "conftest.py" or path.stem.startswith("test_") or path.stem.endswith("_test")


def _module_of(file: str) -> str:
    path = PurePosixPath(file)
    return str(path.with_name(path.name.split(".", 1)[0]))


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name == "__pycache__" or path.name.startswith("."):
            continue
        # A link to a folder is not followed: it may lead out of the package, or in a circle.
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        elif path.is_file():
            yield path
