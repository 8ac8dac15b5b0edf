"""Copies what is metered of one distribution into a site folder of its own, to rehearse there what must not be tried here.

Stripping a live environment and instrumenting it again, even under the lock, would leave a moment in which an application that
imports a module lazily gets the original: that process would run on unmetered to its end. On the copy it is the same code
that strips and instruments, on the same bytes, modes and time stamps. The runtime, which all packages share, stays out of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from meterize.model.manifest import Manifest

from .disk import digest, failures_explained, read
from .exclusion import lock
from .store import STATE, distribution_folder


def copy_metered(site: Path, manifest: Manifest, folder: Path) -> None:
    """Copy the hooked modules, their originals and records into the empty ``folder``; what is missing here is missing there.

    Raises TargetError.
    """
    with lock(site), failures_explained(folder):
        for name in _files(site, manifest):
            if (site / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(site / name, folder / name)


def file_digest(path: Path) -> str | None:
    """SHA-256 of a regular file in hex; None where there is nothing. Raises TargetError for links and folders."""
    data = read(path)
    return None if data is None else digest(data)


def leftovers(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """After stripping a copy: what is in it beside the sources and the compiled files that were there before the first hook."""
    expected = {file.source for file in manifest.files} | {file.pyc for file in manifest.files if file.original}
    found = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if not path.is_dir())
    return tuple(name for name in found if name not in expected)


def _files(site: Path, manifest: Manifest) -> Iterator[str]:
    for file in manifest.files:
        yield from (file.source, file.pyc)
    yield STATE
    home = site / distribution_folder(manifest.distribution)
    yield from (path.relative_to(site).as_posix() for path in sorted(home.rglob("*")))
