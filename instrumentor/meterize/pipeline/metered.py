"""The metered packages of an environment: their manifests, and the state of their files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from meterize.installed import inspect, manifests, notices, recover
from meterize.model.manifest import Manifest, Notice
from meterize.model.package import Package
from meterize.model.report import PackageStatus
from meterize.spool import default_spool, find_obstacle

from .target import Target


def states_of(name: str | None, *, target: Target) -> tuple[PackageStatus, ...]:
    """The state of every metered package, or of one; empty if nothing is metered. Finishes or undoes what was cut off.

    Raises TargetError if the one that is named is not installed either.
    """
    found: list[PackageStatus] = []
    for site in target.sites():
        recover(site)
        meant = (manifest for manifest in manifests(site) if name is None or _is_meant(name, manifest))
        found += [_inspect(site, manifest, target) for manifest in meant]
    if name is not None and not found:
        target.package(name)
    return tuple(found)


def find_metered(name: str, target: Target) -> tuple[Path, Manifest] | None:
    """The manifest of a package by import or distribution name, and the site folder that holds it."""
    for site in target.sites():
        recover(site)
        for manifest in manifests(site):
            if _is_meant(name, manifest):
                return site, manifest
    return None


def manifest_of(package: Package) -> Manifest | None:
    """The manifest of an installed package, if it is metered."""
    recover(package.site)
    return next((m for m in manifests(package.site) if _canonical(m.distribution) == _canonical(package.distribution)), None)


def _inspect(site: Path, manifest: Manifest, target: Target) -> PackageStatus:
    files = inspect(site, manifest)
    odd = (*notices(site, manifest, search_path=target.search_path, environ=os.environ), *_spool(os.environ))
    return PackageStatus(
        site=site,
        manifest=manifest,
        files=files,
        notices=odd,
        intact=not odd and all(file.metered for file in files),
    )


def _spool(environ: Mapping[str, str]) -> Iterator[Notice]:
    """Where the variable names a folder. The usual one is another for each user, and nothing to do with who asks here."""
    if not environ.get("METERIZE_SPOOL"):
        return
    folder = default_spool(environ)
    if obstacle := find_obstacle(folder):
        yield Notice(
            slug="spool-unusable",
            meaning=f"METERIZE_SPOOL names {folder}, where no use can be written down: {obstacle}. Uses are counted, and lost.",
            advice="Set it to a folder that the application's user may write to, or unset it, and start the application again.",
        )


def _is_meant(name: str, manifest: Manifest) -> bool:
    return _canonical(name) in (_canonical(manifest.distribution), _canonical(manifest.package))


def _canonical(name: str) -> str:
    # The normalised form of a distribution's name (PyPA: name normalization, PEP 503).
    return re.sub(r"[-_.]+", "-", name).lower()
