"""Which distribution an import package came from, and where its files lie, read from its metadata alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, MetadataPathFinder, distributions
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

_INSTALLED_FOLDERS: Final = ("site-packages", "dist-packages")
_PACKAGE_FILE: Final = re.compile(r"__init__\.(py|pyc|[^/]*\.so|[^/]*\.pyd|so|pyd)")


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


def import_packages(distribution: Distribution) -> tuple[str, ...]:
    """The dotted names of its import packages, topmost ones only: the folders with an ``__init__``."""
    folders: list[PurePosixPath] = []
    for path in sorted((PurePosixPath(line) for line in recorded_files(distribution)), key=lambda each: len(each.parts)):
        parent = path.parent
        if not _PACKAGE_FILE.fullmatch(path.name) or not all(part.isidentifier() for part in parent.parts):
            continue
        if parent.parts and not any(folder == parent or folder in parent.parents for folder in folders):
            folders.append(parent)
    names = [".".join(folder.parts) for folder in folders] or top_level(distribution)
    return tuple(sorted(dict.fromkeys(names)))


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


def owner(import_name: str, site: Path) -> Distribution | None:
    """The distribution in ``site`` that brought the import package."""
    parts = tuple(import_name.split("."))
    likely = canonical(import_name)
    for distribution in sorted(installed_distributions([str(site)]), key=lambda each: canonical(name_of(each)) != likely):
        files = recorded_files(distribution)
        if files:
            if any(path.parts[:-1] == parts and _PACKAGE_FILE.fullmatch(path.name) for path in map(PurePosixPath, files)):
                return distribution
        elif parts[0] in top_level(distribution):
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
