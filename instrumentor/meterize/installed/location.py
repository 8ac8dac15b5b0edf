"""Finds an installed package by its import or distribution name, and says precisely why one cannot be metered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final
from zipimport import zipimporter

from meterize.errors import TargetError
from meterize.model.enumeration import first_few
from meterize.model.package import Package

from .contents import list_contents
from .disk import failures_explained
from .ownership import (
    canonical,
    editable_owner,
    editable_source,
    find_distribution,
    import_names,
    installed_distributions,
    is_settled,
    name_of,
    owner,
)
from .refusals import broken_installation, editable_install, namespace_package, no_source

_SHOWN: Final = 10


def locate(name: str, search_path: Sequence[str]) -> Package:
    """Find a package by import name or, failing that, by distribution name, without importing or executing any of it.

    ``search_path`` are the folders where the target's interpreter looks. Raises TargetError with a slug of its own for each
    kind of thing that cannot be metered.
    """
    PathFinder.invalidate_caches()
    import_name, spec = _resolve(name, search_path)
    origin = _origin(import_name, spec, search_path)
    root = origin if spec.submodule_search_locations is None else origin.parent
    site = root.parents[import_name.count(".")]
    distribution = owner(import_name, origin, site)
    return _describe(import_name, root, site, _require_installed(import_name, root, site, distribution, search_path))


def _resolve(name: str, search_path: Sequence[str]) -> tuple[str, ModuleSpec]:
    """The import name that was meant. A mere folder (a namespace package) yields to a distribution of that name."""
    spec = _find(name, search_path)
    if spec is not None and spec.origin is not None:
        return name, spec
    distribution = find_distribution(name, search_path)
    if distribution is None:
        if spec is None:
            raise _unknown(name, search_path)
        return name, spec
    import_name = _choose_import_name(distribution)
    found = _find(import_name, search_path)
    if found is None:
        raise broken_installation(name_of(distribution), import_name, distribution)
    return import_name, found


def _find(name: str, search_path: Sequence[str]) -> ModuleSpec | None:
    """The spec of a possibly dotted name; the parents of a dotted one may only be namespace packages, which hold no code."""
    if not all(part.isidentifier() for part in name.split(".")):
        return None
    path: list[str] = list(search_path)
    found: ModuleSpec | None = None
    parent = ""
    for part in name.split("."):
        if found is not None and found.origin is not None:
            raise TargetError(
                f"{name} is a part of the package {parent}",
                slug="part-of-package",
                hint=f"Name the package itself: {parent}. Hooks are placed in whichever of its modules the feature lies.",
            )
        parent = f"{parent}.{part}" if parent else part
        _refuse_standard_library(parent)
        found = PathFinder.find_spec(parent, path)
        if found is None:
            return None
        path = list(found.submodule_search_locations or ())
    return found


def _refuse_standard_library(name: str) -> None:
    if name in sys.stdlib_module_names or BuiltinImporter.find_spec(name) or FrozenImporter.find_spec(name):
        raise TargetError(
            f"{name} belongs to the interpreter itself (standard library, built-in or frozen)",
            slug="stdlib-package",
            hint="Only packages that were installed, by pip for instance, can be metered. Meter the package that calls it.",
        )


def _choose_import_name(distribution: Distribution) -> str:
    """The one import package that a distribution's name can mean.

    A module beside packages is an extra of theirs (``py.py`` of pytest), unless it bears the distribution's name.
    """
    name = name_of(distribution)
    if (source := editable_source(distribution)) is not None:
        raise editable_install(name, source)
    names = import_names(distribution)
    same = [each for each in names.all if canonical(each) == canonical(name)]
    likely = names.packages or names.modules
    public = [each for each in likely if not each.startswith("_")]
    for choice in (same, public, likely):
        if len(choice) == 1:
            return choice[0]
    if likely:
        what = "import packages" if names.packages else "modules"
        raise TargetError(
            f"the distribution {name} holds {len(likely)} {what}: {first_few(likely, _SHOWN)}",
            slug="several-packages",
            hint="Say which one by its import name.",
        )
    raise TargetError(
        f"the distribution {name} holds no import package",
        slug="no-import-package",
        hint="It may only bring data, scripts, or other distributions. Name the package whose code implements the feature.",
    )


def _origin(name: str, spec: ModuleSpec, search_path: Sequence[str]) -> Path:
    """The file on disk that an import begins with; raises TargetError where there is none."""
    if isinstance(spec.loader, zipimporter):
        raise TargetError(
            f"{name} is imported out of a zip archive: {spec.loader.archive}",
            slug="zipped-package",
            hint="Python never writes into an archive and neither does meterize. Install the package unpacked, with pip.",
        )
    if spec.origin is None:
        raise namespace_package(name, list(spec.submodule_search_locations or ()), search_path)
    return Path(spec.origin).absolute()


def _require_installed(
    import_name: str, root: Path, site: Path, distribution: Distribution | None, search_path: Sequence[str]
) -> Distribution:
    """The distribution that brought the package; raises TargetError if it is being developed rather than installed."""
    if distribution is None:
        developed = editable_owner(import_name, root, search_path)
        if developed is not None:
            raise editable_install(name_of(developed), str(root))
        raise TargetError(
            f"{import_name} lies in {root}, but no distribution that is installed there owns it",
            slug="not-installed",
            hint="It is imported from a folder that happens to be on the path. Install it (pip install .) and try again.",
        )
    source = editable_source(distribution)
    if source is not None or not is_settled(distribution):
        raise editable_install(name_of(distribution), source or str(root))
    if not root.resolve().is_relative_to(site.resolve()):
        raise editable_install(name_of(distribution), str(root.resolve()))
    return distribution


def _describe(import_name: str, root: Path, site: Path, distribution: Distribution) -> Package:
    with failures_explained(site):
        contents = list_contents(root, site)
    if not contents.modules:
        raise no_source(import_name, root, compiled=contents.compiled, sourceless=contents.sourceless)
    return Package(
        import_name=import_name,
        distribution=name_of(distribution),
        version=distribution.version or "0",
        site=site,
        modules=contents.modules,
        compiled=contents.compiled,
    )


def _unknown(name: str, search_path: Sequence[str]) -> TargetError:
    developed = editable_owner(name, None, search_path)
    if developed is not None:
        return editable_install(name_of(developed), editable_source(developed) or "")
    close = get_close_matches(name.lower(), known := _known_names(search_path), n=3, cutoff=0.6)
    return TargetError(
        f"no package {name!r} is installed here",
        slug="no-such-package",
        hint=f"Did you mean {' or '.join(known[each] for each in close)}?"
        if close
        else "Check the name, and that meterize runs in the environment of the package (--python PATH names another).",
        details=tuple(f"looked in {folder}" for folder in search_path),
    )


def _known_names(search_path: Sequence[str]) -> dict[str, str]:
    """Names that could have been meant, by their lower-case spelling."""
    names: dict[str, str] = {}
    for distribution in installed_distributions(search_path):
        for each in (name_of(distribution), *import_names(distribution).all):
            names.setdefault(each.lower(), each)
    return names
