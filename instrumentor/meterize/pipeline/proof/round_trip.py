"""Proves that hooks come out and go in again without a trace: strip and instrument, on a copy of the real files."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from meterize.cpython.identity import code_digest
from meterize.cpython.pyc import load_pyc
from meterize.errors import TargetError
from meterize.installed import apply, copy_metered, file_digest, leftovers, strip
from meterize.model.manifest import Manifest
from meterize.model.package import Package
from meterize.model.verdict import ProvenFile, RoundTrip
from meterize.pipeline.metering.rewrite import rewrite_package
from meterize.pipeline.sources import PackageCode

_HEADER: Final = 16
"""Bytes of a .pyc before its code (PEP 552)."""


def proven_files(site: Path, manifest: Manifest) -> tuple[ProvenFile, ...]:
    """The hooked files of a package as they lie there now; of one that is gone the digests are empty."""
    return tuple(
        ProvenFile(
            source=file.source,
            optimization=file.optimization,
            source_digest=file_digest(site / file.source) or "",
            digest=file_digest(site / file.pyc) or "",
            code_digest=_code_digest(site / file.pyc),
        )
        for file in manifest.files
    )


def _code_digest(pyc: Path) -> str:
    """What the file does, whatever the folder that it was compiled in."""
    code = load_pyc(pyc.read_bytes()) if pyc.is_file() else None
    return code_digest(code) if code else ""


def go_round(code: PackageCode, manifest: Manifest, files: tuple[ProvenFile, ...]) -> RoundTrip:
    """Strip, compare with the originals, instrument by the plans in force, compare with what lies there.

    ``files`` were there before the suites ran. All of it happens in a private folder (``installed/rehearsal.py`` says why).
    """
    problems = tuple(_changed(code.package, manifest, files))
    if not problems:
        with tempfile.TemporaryDirectory(prefix="meterize-round-trip-") as private:
            folder = Path(private).resolve()
            copy_metered(code.package.site, manifest, folder)
            problems = (*_strip(folder, manifest), *_instrument(folder, code, manifest))
    return RoundTrip(package=code.package, files=files, problems=problems)


def _changed(package: Package, manifest: Manifest, files: tuple[ProvenFile, ...]) -> Iterator[str]:
    for file, now in zip(files, proven_files(package.site, manifest), strict=True):
        if file != now:
            yield f"{file.source} or its compiled file changed while the suites ran: verify again"


def _strip(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Take the hooks out of the copy; what is not as it was before the first hook."""
    left = strip(folder, manifest.distribution).left
    yield from (f"strip leaves {file.path}: {file.reason}" for file in left)
    for file in manifest.files:
        wanted = file.original.digest if file.original else None
        if file_digest(folder / file.pyc) != wanted and file.pyc not in {each.path for each in left}:
            yield f"strip does not bring back what {file.pyc} was"
    if not left:
        yield from (f"strip leaves {name} behind" for name in leftovers(folder, manifest))


def _instrument(folder: Path, code: PackageCode, manifest: Manifest) -> Iterator[str]:
    """Put the hooks into the copy again; which files are not as they lie in the environment."""
    try:
        modules = rewrite_package(code, manifest.plans)
    except TargetError as error:
        yield f"it cannot be instrumented again: {error}"
        return
    again = apply(dataclasses.replace(code.package, site=folder), modules, manifest.plans, runtime=None)
    for path in sorted({file.pyc for file in (*manifest.files, *again.files)}):
        if not _is_same(folder / path, code.package.site / path):
            yield f"instrumenting again does not make the {path} that lies there"


def _is_same(again: Path, here: Path) -> bool:
    """The same bytes; but in an environment that was moved since, code objects name the folder that they were made in."""
    if file_digest(again) == file_digest(here):
        return True
    codes = [load_pyc(path.read_bytes()) for path in (again, here) if path.is_file()]
    if len(codes) < 2 or codes[0] is None or codes[1] is None or codes[0].co_filename == codes[1].co_filename:
        return False
    return code_digest(codes[0]) == code_digest(codes[1]) and again.read_bytes()[:_HEADER] == here.read_bytes()[:_HEADER]
