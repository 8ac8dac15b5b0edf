"""The refusals of packages that cannot be metered, each with what it is, where it lies, and what to do instead."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import Distribution
from pathlib import Path

from meterize.errors import TargetError

from .contents import list_contents
from .ownership import folder_of, import_names, installed_distributions


def broken_installation(distribution_name: str, import_name: str, distribution: Distribution) -> TargetError:
    """The metadata are there, the package is not."""
    return TargetError(
        f"{folder_of(distribution)} records the distribution {distribution_name}, but its package {import_name} is not there",
        slug="broken-installation",
        hint=f"Install it again: pip install --force-reinstall {distribution_name}",
    )


def editable_install(distribution_name: str, source: str) -> TargetError:
    """The package is imported from a source tree."""
    return TargetError(
        f"{distribution_name} is installed for development: it is imported from its source tree in {source}",
        slug="editable-install",
        hint="Edits of a metered source would be ignored without a word. Install it as its users do: pip install .",
    )


def namespace_package(name: str, folders: Sequence[str], search_path: Sequence[str]) -> TargetError:
    """Several distributions may share it; names what can be metered inside it."""
    contents = [list_contents(Path(folder), Path(folder).parent) for folder in folders if Path(folder).is_dir()]
    if (compiled := [file for each in contents for file in each.compiled]) and not any(each.modules for each in contents):
        return no_source(name, Path(folders[0]), compiled=compiled, sourceless=())
    prefix = f"{name}."
    inside = sorted(
        {
            package
            for distribution in installed_distributions(search_path)
            for package in import_names(distribution).all
            if package.startswith(prefix)
        }
    )
    return TargetError(
        f"{name} is a namespace package, which has no code of its own: {', '.join(folders)}",
        slug="namespace-package",
        hint=f"Name a package inside it: {', '.join(inside)}" if inside else "Name a package inside it, if there is one.",
    )


def no_source(name: str, where: Path, *, compiled: Sequence[str], sourceless: Sequence[str]) -> TargetError:
    """Nothing that could be compiled to bytecode."""
    if compiled:
        return TargetError(
            f"{name} is compiled to machine code: {where} holds extension modules and no Python source",
            slug="compiled-package",
            hint="There is no bytecode to put hooks into. Meter the Python code that calls it.",
            details=tuple(compiled[:10]),
        )
    return TargetError(
        f"{name} has no Python source in {where}",
        slug="no-source",
        hint="Hooks are placed by source and bytecode together. Install the package with its sources.",
        details=tuple(sourceless[:10]),
    )
