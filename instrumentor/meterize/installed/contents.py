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


def list_contents(root: Path, site: Path) -> Contents:
    """Everything importable of the package at ``root``, its folder or its one file; nothing is imported or opened."""
    files = sorted(path.relative_to(site).as_posix() for path in _walk(root))
    compiled = tuple(file for file in files if is_extension(file))
    # An extension module comes before a source of the same name (importlib._bootstrap_external._get_supported_file_loaders).
    shadowed = {_module_of(file) for file in compiled if file.endswith(tuple(EXTENSION_SUFFIXES))}
    depth = len(root.relative_to(site).parts)
    modules = tuple(
        file for file in files if file.endswith(".py") and not is_test(file, depth) and _module_of(file) not in shadowed
    )
    sourceless = tuple(file for file in files if file.endswith(".pyc"))
    return Contents(modules=modules, compiled=compiled, sourceless=sourceless)


def is_extension(file: str) -> bool:
    """Whether a file is machine code, by its name."""
    return file.endswith((*EXTENSION_SUFFIXES, *_FOREIGN_SUFFIXES))


def is_test(file: str, depth: int) -> bool:
    """Whether a file belongs to the package's own tests; ``depth`` is the number of names down to the package itself."""
    *folders, name = PurePosixPath(file).parts[depth:] or ("",)
    if _TEST_FOLDERS.intersection(folders):
        return True
    stem = PurePosixPath(name).stem
    return name == "conftest.py" or stem.startswith("test_") or stem.endswith("_test")


def _module_of(file: str) -> str:
    path = PurePosixPath(file)
    return str(path.with_name(path.name.split(".", 1)[0]))


def _walk(root: Path) -> Iterator[Path]:
    """The file itself, or those below a folder."""
    if root.is_file():
        yield root
    elif root.is_dir():
        for path in root.iterdir():
            # A link to a folder is not followed: it may lead out of the package, or in a circle.
            is_linked = path.is_symlink() and path.is_dir()
            if path.name != "__pycache__" and not path.name.startswith(".") and not is_linked:
                yield from _walk(path)
