"""What a run of a suite depends on, as far as it can be known, in one digest.

Known: the interpreter, this tool's own collecting code, the package's files, the installed distributions, the command, the
folder it runs in and those it names, and the environment's variables. Not known: the network, the clock, databases, files
elsewhere, chance. `docs/running.md` says it for users.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from meterize.model.own_files import VERDICT_ENDS, is_own
from meterize.model.package import Package

_WHOLE_BYTES: Final = 4 * 1024 * 1024
"""Of a larger file, size and time of change stand for its content."""
_MOST_FILES: Final = 20_000
_MOST_BYTES: Final = 256 * 1024 * 1024
_SKIPPED_FOLDERS: Final = frozenset({
    ".git", ".hg", ".svn", "__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", ".tox", ".nox",
    ".benchmarks", "node_modules", "htmlcov",
})  # fmt: skip
_SKIPPED_ENDINGS: Final = (".pyc", ".pyo", VERDICT_ENDS)
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
    """Where suites run: ``search_path`` and ``variables`` are the target's."""

    python: Path
    interpreter: str
    search_path: Sequence[str]
    variables: Mapping[str, str]


_OWN: Final = b"own"
"""In place of the digest of a file that the tool wrote: another plan changes no suite."""


class _TooMuch(Exception):  # noqa: N818  # nothing is wrong
    """There is more than is looked through."""


class Fingerprints:
    """Of the runs of a package's suites; ``collector`` tells the versions of this tool apart.

    To be taken before the suites run: what they write is not what they found.
    """

    def __init__(self, package: Package, surroundings: Surroundings, collector: bytes) -> None:
        self._package, self._surroundings, self._collector = package, surroundings, collector
        self._contents = _Contents()

    def of(self, command: str, cwd: Path) -> str | None:
        """The digest; None where the folders hold more than is looked through."""
        package, where, digest = self._package, self._surroundings, _Digest()
        try:
            digest.add("tool", self._collector)
            digest.add("interpreter", f"{where.interpreter} {where.python.resolve()}".encode())
            digest.add("command", command.encode(errors="surrogateescape"))
            digest.add("cwd", os.fsencode(cwd))
            digest.add("package", f"{package.distribution} {package.version}".encode())
            for file in (*package.modules, *package.compiled):
                digest.add(file, self._contents.file(package.site / file))
            for folder in (package.site / package.stem, *_folders(command, cwd, where.variables)):
                digest.add(str(folder), self._contents.tree(folder))
            for name, value in sorted(where.variables.items()):
                if name not in _PASSING and not name.startswith(_OURS):
                    digest.add(name, value.encode(errors="surrogateescape"))
            self._add_distributions(digest)
        except (_TooMuch, OSError, ValueError):
            return None
        return digest.text()

    def _add_distributions(self, digest: _Digest) -> None:
        """Names and versions, from the names of the metadata folders; what .pth files add."""
        for entry in self._surroundings.search_path:
            try:
                names = sorted(path.name for path in Path(entry).iterdir())
            except OSError:
                continue
            digest.add("site", os.fsencode(entry))
            for name in names:
                if name.endswith((".dist-info", ".egg-info", ".egg-link")):
                    digest.add("distribution", os.fsencode(name))
                elif name.endswith(".pth"):
                    digest.add(name, self._contents.file(Path(entry) / name))


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


class _Digest:
    """A digest of things that have names."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def add(self, name: str, value: bytes) -> None:
        """Both with their lengths: no two lists of things give the same bytes."""
        raw = name.encode(errors="surrogateescape")
        self._sum.update(b"%d:%b%d:%b" % (len(raw), raw, len(value), value))

    def text(self) -> str:
        return self._sum.hexdigest()


class _Contents:
    """Digests of files and folders, each looked at once: suites have most of them in common."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}
        self._trees: dict[Path, bytes] = {}
        self._bytes = 0

    def tree(self, folder: Path) -> bytes:
        """Of a file, or of all files below a folder but for those that runs leave behind, the tool's own, and environments."""
        if folder not in self._trees:
            self._trees[folder] = self._walk(folder) if folder.is_dir() else self.file(folder)
        return self._trees[folder]

    def _walk(self, folder: Path) -> bytes:
        digest, seen = _Digest(), set()
        for root, folders, files in os.walk(folder, followlinks=True):
            here = os.path.realpath(root)
            if here in seen or "pyvenv.cfg" in files:
                folders.clear()
                continue
            seen.add(here)
            folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
            for name in sorted(files):
                if not name.endswith(_SKIPPED_ENDINGS) and not name.startswith(_SKIPPED_BEGINNINGS):
                    path = Path(root, name)
                    found = self.file(path)
                    if found != _OWN:
                        digest.add(str(path), found)
        return digest.text().encode()

    def file(self, path: Path) -> bytes:
        """Of its content; of a socket, a broken link and the like nothing but that it is there."""
        if path not in self._files:
            if len(self._files) >= _MOST_FILES or self._bytes > _MOST_BYTES:
                raise _TooMuch
            self._files[path] = self._read(path)
        return self._files[path]

    def _read(self, path: Path) -> bytes:
        try:
            status = path.stat()
        except OSError:
            return b""
        if not stat.S_ISREG(status.st_mode):
            return b""
        size_and_time = b"%d %d" % (status.st_size, status.st_mtime_ns)
        if status.st_size > _WHOLE_BYTES:
            return size_and_time
        self._bytes += status.st_size
        try:
            data = path.read_bytes()
        except PermissionError:
            return size_and_time
        return _OWN if is_own(data) else hashlib.sha256(data).digest()
