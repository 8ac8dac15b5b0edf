"""What a run of a suite depends on, as far as it can be known, in one digest.

Known: the interpreter, this tool's own collecting code, the package's files, the installed distributions, the command, the
folder it runs in and those it names, and the environment's variables. Not known: the network, the clock, databases, files
elsewhere, chance. `docs/running.md` says it for users.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meterize.model.package import Package

_WHOLE_BYTES: Final = 4 * 1024 * 1024
"""Of a larger file, size and time of change stand for its content."""
_MOST_FILES: Final = 20_000
_MOST_BYTES: Final = 256 * 1024 * 1024
_SKIPPED_FOLDERS: Final = frozenset({
    ".git", ".hg", ".svn", "__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", ".tox", ".nox",
    ".benchmarks", "node_modules", "htmlcov",
})  # fmt: skip
_SKIPPED_ENDINGS: Final = (".pyc", ".pyo", ".plan.toml")
_SKIPPED_BEGINNINGS: Final = (".coverage",)
_PASSING: Final = frozenset({
    "PWD", "OLDPWD", "SHLVL", "_", "COLUMNS", "LINES", "WINDOWID", "PYTEST_CURRENT_TEST", "TMUX", "TMUX_PANE", "STY", "PPID",
    "SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "GPG_TTY", "DBUS_SESSION_BUS_ADDRESS",
    "XDG_SESSION_ID", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "TERM_SESSION_ID", "DISPLAY", "WAYLAND_DISPLAY", "TMPDIR",
})  # fmt: skip
"""Variables of a terminal or a login, which change without any suite minding."""
_OURS: Final = "METERIZE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where suites run: ``search_path`` and ``variables`` are the target's; ``outputs`` are files that the tool writes."""

    python: Path
    interpreter: str
    search_path: Sequence[str]
    variables: Mapping[str, str]
    outputs: Sequence[Path] = ()


class _TooMuch(Exception):  # noqa: N818  # nothing is wrong
    """There is more than is looked through."""


def fingerprint(command: str, cwd: Path, package: Package, surroundings: Surroundings, collector: bytes) -> str | None:
    """The digest; None where the folders hold more than is looked through. ``collector`` tells the versions of this tool apart.

    To be taken before the suite runs: what it writes is not what it found.
    """
    digest = _Digest(surroundings.outputs)
    try:
        digest.add("tool", collector)
        digest.add("interpreter", f"{surroundings.interpreter} {surroundings.python.resolve()}".encode())
        digest.add("command", command.encode(errors="surrogateescape"))
        digest.add("cwd", os.fsencode(cwd))
        digest.add("package", f"{package.distribution} {package.version}".encode())
        for file in (*package.modules, *package.compiled):
            digest.add_file(package.site / file)
        digest.add_tree(package.site / package.stem)
        for folder in _folders(command, cwd, surroundings.variables):
            digest.add_tree(folder)
        for name, value in sorted(surroundings.variables.items()):
            if name not in _PASSING and not name.startswith(_OURS):
                digest.add(name, value.encode(errors="surrogateescape"))
        _add_distributions(digest, surroundings.search_path)
    except (_TooMuch, OSError, ValueError):
        return None
    return digest.text()


def _folders(command: str, cwd: Path, variables: Mapping[str, str]) -> Iterator[Path]:
    """The working folder, and whatever else the command and PYTHONPATH name that is there."""
    yield cwd
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    named = [part for word in words for part in word.replace("=", ":").split(":") if "/" in part or part == ".."]
    for name in (*named, *variables.get("PYTHONPATH", "").split(":")):
        path = Path(os.path.normpath(cwd / name))
        if not path.is_relative_to(cwd) and path.exists() and not _is_system(path):
            yield path


def _is_system(path: Path) -> bool:
    return path.parts[1:2] in {("dev",), ("proc",), ("sys",), ("usr",), ("bin",), ("lib",)}


def _add_distributions(digest: _Digest, search_path: Sequence[str]) -> None:
    """Names and versions, from the names of the metadata folders; what .pth files add."""
    for entry in search_path:
        try:
            names = sorted(path.name for path in Path(entry).iterdir())
        except OSError:
            continue
        digest.add("site", os.fsencode(entry))
        for name in names:
            if name.endswith((".dist-info", ".egg-info", ".egg-link")):
                digest.add("distribution", os.fsencode(name))
            elif name.endswith(".pth"):
                digest.add_file(Path(entry) / name)


class _Digest:
    def __init__(self, outputs: Sequence[Path]) -> None:
        self._sum = hashlib.sha256()
        self._files = 0
        self._bytes = 0
        self._seen: set[str] = set()
        self._outputs = {os.path.realpath(path) for path in outputs}

    def text(self) -> str:
        return self._sum.hexdigest()

    def add(self, name: str, value: bytes) -> None:
        """Both with their lengths: no two lists of things give the same bytes."""
        raw = name.encode(errors="surrogateescape")
        self._sum.update(b"%d:%b%d:%b" % (len(raw), raw, len(value), value))

    def add_tree(self, folder: Path) -> None:
        """A file, or all files below a folder but for those that runs leave behind and environments."""
        if not folder.is_dir():
            self.add_file(folder)
            return
        for root, folders, files in os.walk(folder, followlinks=True):
            here = os.path.realpath(root)
            if here in self._seen or "pyvenv.cfg" in files:
                folders.clear()
                continue
            self._seen.add(here)
            folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
            for name in sorted(files):
                if not name.endswith(_SKIPPED_ENDINGS) and not name.startswith(_SKIPPED_BEGINNINGS):
                    self.add_file(Path(root) / name)

    def add_file(self, path: Path) -> None:
        """Path and content; of sockets, broken links and the like the path alone."""
        if self._outputs and os.path.realpath(path) in self._outputs:
            return
        self._files += 1
        if self._files > _MOST_FILES or self._bytes > _MOST_BYTES:
            raise _TooMuch
        self.add("file", os.fsencode(path))
        if not path.is_file():
            return
        status = path.stat()
        if status.st_size > _WHOLE_BYTES:
            self.add("large", b"%d %d" % (status.st_size, status.st_mtime_ns))
            return
        self._bytes += status.st_size
        try:
            self.add("content", path.read_bytes())
        except PermissionError:
            self.add("unreadable", b"%d %d" % (status.st_size, status.st_mtime_ns))
