"""Which distribution an import package came from, and where its files lie, read from its metadata alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from importlib.metadata import Distribution, MetadataPathFinder, distributions
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

_INSTALLED_FOLDERS: Final = ("site-packages", "dist-packages")
_IMPORTED_FILE: Final = re.compile(r"([^./]+)\.(py|pyc|([^/]*\.)?(so|pyd))")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportNames:
    """What a distribution brings to import, the topmost names only, dotted and sorted: ``packages`` are folders with an
    ``__init__``, ``modules`` are files outside of any."""

    packages: tuple[str, ...]
    modules: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Both."""
        return (*self.packages, *self.modules)


def canonical(name: str) -> str:
    """A distribution's name in the one spelling that all its spellings share (packaging.python.org, name normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_name(name: str) -> bool:
    """Whether it can be a distribution's name, and so that of a folder."""
    return re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", canonical(name)) is not None


def installed_distributions(search_path: Sequence[str]) -> Iterator[Distribution]:
    """Every distribution with readable metadata; what a broken installation left behind is passed over."""
    # The finder remembers a folder by its time stamp, which we keep. (On an instance: 3.11 forgot to make it a class method.)
    MetadataPathFinder().invalidate_caches()
    for distribution in distributions(path=list(search_path)):
        if name_of(distribution):
            yield distribution


def name_of(distribution: Distribution) -> str:
    """The name in the metadata, or an empty string."""
    try:
        metadata = distribution.metadata
        return str(metadata["Name"]) if metadata is not None and "Name" in metadata else ""
    except (KeyError, TypeError, OSError, UnicodeDecodeError):
        return ""


def folder_of(distribution: Distribution) -> Path:
    """The folder that the distribution was installed into."""
    return Path(str(distribution.locate_file("")))


def find_distribution(name: str, search_path: Sequence[str]) -> Distribution | None:
    """The distribution of that name, in whatever spelling; the first on the path counts."""
    wanted = canonical(name)
    return next((each for each in installed_distributions(search_path) if canonical(name_of(each)) == wanted), None)


def import_names(distribution: Distribution) -> ImportNames:
    """By its files; where none is recorded, ``top_level.txt`` has to do, which does not tell packages from modules."""
    files = {parts for line in recorded_files(distribution) if (parts := _imported(PurePosixPath(line)))}
    folders = {parts[:-1] for parts in files if parts[-1] == "__init__"} - {()}
    packages = {folder for folder in folders if not _is_within(folder[:-1], folders)}
    # A module of two underscores is for a machine to import (__main__, the finder of an editable installation).
    modules = {parts for parts in files if not parts[-1].startswith("__") and not _is_within(parts, folders)}
    return ImportNames(
        packages=_dotted(packages) if packages or modules else tuple(sorted(set(top_level(distribution)))),
        modules=_dotted(modules),
    )


def _imported(path: PurePosixPath) -> tuple[str, ...]:
    """The parts of the name that import knows a file by, ``__init__`` among them; none if it can't be imported."""
    match = _IMPORTED_FILE.fullmatch(path.name)
    parts = (*path.parts[:-1], match[1]) if match else ()
    return parts if all(part.isidentifier() for part in parts) else ()


def _is_within(parts: tuple[str, ...], folders: Set[tuple[str, ...]]) -> bool:
    return any(parts[:depth] in folders for depth in range(1, len(parts) + 1))


def _dotted(names: Set[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(".".join(parts) for parts in names))


def recorded_files(distribution: Distribution) -> list[str]:
    """The files that its RECORD (or an egg's ``installed-files.txt``) lists, relative to its folder; none outside it."""
    if record := distribution.read_text("RECORD"):
        lines = [line.rsplit(",", 2)[0].strip('"') for line in record.splitlines()]
    elif listed := distribution.read_text("installed-files.txt"):
        lines = [line.removeprefix("../") for line in listed.splitlines()]
    else:
        lines = []
    return [line for line in lines if line and not line.startswith(("/", ".."))]


def top_level(distribution: Distribution) -> list[str]:
    """What ``top_level.txt`` says; only setuptools writes one."""
    return [
        line.strip() for line in (distribution.read_text("top_level.txt") or "").splitlines() if line.strip().isidentifier()
    ]


def owner(import_name: str, origin: Path, site: Path) -> Distribution | None:
    """The distribution in ``site`` that brought ``origin``, the file that importing the name begins with."""
    likely, top = canonical(import_name), import_name.partition(".")[0]
    file = PurePosixPath(origin.relative_to(site))
    for distribution in sorted(installed_distributions([str(site)]), key=lambda each: canonical(name_of(each)) != likely):
        files = recorded_files(distribution)
        if file in map(PurePosixPath, files) or (not files and top in top_level(distribution)):
            return distribution
    return None


def is_settled(distribution: Distribution) -> bool:
    """Whether an installer put it there, in contrast to metadata that a build left in a source tree."""
    if distribution.read_text("RECORD") or distribution.read_text("installed-files.txt"):
        return True
    folder = folder_of(distribution)
    return folder.name in _INSTALLED_FOLDERS or folder.suffix == ".egg"


def editable_source(distribution: Distribution) -> str | None:
    """The source tree of an editable installation (PEP 610, ``dir_info.editable``), else None."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "null")
    except ValueError:
        return None
    if not isinstance(origin, dict) or not isinstance(origin.get("dir_info"), dict):
        return None
    if origin["dir_info"].get("editable") is not True:
        return None
    return unquote(urlsplit(str(origin.get("url", ""))).path)


def editable_owner(import_name: str, folder: Path | None, search_path: Sequence[str]) -> Distribution | None:
    """An editable distribution that offers this import package, be it by a finder or by a source tree that holds ``folder``."""
    for distribution in installed_distributions(search_path):
        source = editable_source(distribution)
        if source is None:
            continue
        if folder is not None and folder.resolve().is_relative_to(Path(source).resolve()):
            return distribution
        names = (*top_level(distribution), name_of(distribution))
        if folder is None and canonical(import_name) in map(canonical, names):
            return distribution
    return None
