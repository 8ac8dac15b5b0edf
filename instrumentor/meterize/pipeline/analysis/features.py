"""Find several features in one go, each told apart from all the others of its package and from the rest."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from meterize.errors import MeterizeError, UsageError
from meterize.model.catalogue import Catalogue, Entry, Rest
from meterize.model.coverage import CoverageRecord
from meterize.model.package import Package
from meterize.model.report import Analysis
from meterize.model.running import Running
from meterize.pipeline.agreement import refuse_own, require_feature_name
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.progress import Progress
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target
from meterize.plan_file import read_catalogue, write_plans
from meterize.refining import Refinement
from meterize.testruns import save_coverage

from .analyze import refuse_metered, report, require_places
from .finding import Finding, check_guidance, find_feature
from .imports import ImportAlone, imports_of
from .merging import leave_out, merge
from .suites import AS_USUAL, Suite, run_all

Accept: TypeAlias = Callable[[str, Refinement], bool]
"""Asked whether the tests of a feature, by its name, may be moved."""


def analyze_features(
    package_name: str,
    features_path: Path,
    *,
    target: Target,
    plan_path: Path | None = None,
    data_path: Path | None = None,
    page_path: Path | None = None,
    timeout: float | None = None,
    running: Running = AS_USUAL,
    accept: Accept = lambda _name, _refinement: False,
    progress: Progress | None = None,
) -> tuple[Analysis, ...]:
    """Run each command of a file of features once, find every feature, and write one plan for all of them, or none.

    ``plan_path`` defaults to ``PACKAGE.plan.toml``; the name of a feature's page has the feature's before its ending; all else
    as in ``analyze``. Raises UsageError for a bad file, too.
    """
    catalogue = read_catalogue(features_path)
    whole = target.package(package_name)
    groups = _by_package(catalogue, whole, target, features_path)
    names = [entry.feature.name for entry in catalogue.entries]
    path = plan_path or Path(f"{whole.import_name}.plan.toml")
    pages = {name: page_path.with_name(f"{page_path.stem}.{name}{page_path.suffix}") for name in names if page_path}
    is_replaced = require_places(path, data_path, list(pages.values()))
    if data_path is not None and len(groups) > 1:
        raise _data_of_several(len(groups))
    for group in groups:
        for entry in group.entries:
            check_guidance(group.package, entry.feature, group.graphs)
    findings: dict[str, Finding] = {}
    failures: dict[str, MeterizeError] = {}
    for group in groups:
        runs = group.run(target, timeout, progress, running)
        if data_path is not None:
            save_coverage(runs, group.package, data_path)
        for entry in group.entries:
            if progress is not None:
                progress("slice", entry.feature.name)
            try:
                imports = imports_of(group.package, group.graphs.code, entry.feature.cwd, target, timeout, progress, running)
                findings[entry.feature.name] = group.find(entry, runs, accept, imports)
            except MeterizeError as error:
                failures[entry.feature.name] = error
    if failures:
        raise _explained(failures)
    write_plans([findings[name].plan for name in names], path)
    graphs = {entry.feature.name: group.graphs for group in groups for entry in group.entries}
    return tuple(
        report(findings[name], graphs[name], plan_path=path, replaced=is_replaced, page_path=pages.get(name)) for name in names
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The features of one package."""

    graphs: Graphs
    entries: tuple[Entry, ...]
    rest: Rest | None

    @property
    def package(self) -> Package:
        return self.graphs.code.package

    def run(
        self, target: Target, timeout: float | None, progress: Progress | None, running: Running
    ) -> dict[str, CoverageRecord]:
        """Every distinct command once, by the name of its suite. Raises TestsError."""
        return run_all(self.package, self.graphs.code, list(self._suites().values()), target, timeout, progress, running)

    def find(self, entry: Entry, runs: Mapping[str, CoverageRecord], accept: Accept, import_alone: ImportAlone) -> Finding:
        """One feature against all the others and the rest. Raises NothingFound, TestsError, UsageError."""
        feature, suites = entry.feature, self._suites()
        others = [other.feature for other in self.entries if other is not entry]
        own = runs[suites[feature.with_command, feature.cwd].name]
        against = [leave_out(runs[suites[other.with_command, other.cwd].name], own) for other in others]
        rest = _rest_of(entry, self.rest)
        found = find_feature(
            self.package,
            dataclasses.replace(feature, without_command=_command(rest, feature.cwd) if rest else ""),
            {"without": merge([*([runs[suites[rest.command, rest.cwd].name]] if rest else []), *against]), "with": own},
            self.graphs,
            partial(accept, feature.name),
            import_alone,
        )
        plan = dataclasses.replace(found.plan, policy=entry.policy, against=tuple(other.name for other in others))
        return dataclasses.replace(found, plan=plan)

    def _suites(self) -> dict[tuple[str, Path], Suite]:
        """By command and folder. The rest goes first: what is imported lazily then belongs to it."""
        suites: dict[tuple[str, Path], Suite] = {}
        for entry in self.entries:
            if rest := _rest_of(entry, self.rest):
                name = f"{entry.feature.name}: without" if entry.feature.without_command else "rest"
                suites.setdefault((rest.command, rest.cwd), Suite(name=name, command=rest.command, cwd=rest.cwd))
        for feature in (entry.feature for entry in self.entries):
            suite = Suite(name=f"{feature.name}: with", command=feature.with_command, cwd=feature.cwd)
            suites.setdefault((suite.command, suite.cwd), suite)
        return suites


def _rest_of(entry: Entry, rest: Rest | None) -> Rest | None:
    own = entry.feature.without_command
    return Rest(command=own, cwd=entry.feature.cwd) if own else rest


def _command(rest: Rest, cwd: Path) -> str:
    """The command of the rest, as it is run in a feature's folder."""
    return rest.command if rest.cwd == cwd else f"cd {shlex.quote(os.path.relpath(rest.cwd, cwd))} && ({rest.command})"


def _by_package(catalogue: Catalogue, whole: Package, target: Target, path: Path) -> list[_Group]:
    """The features of each package, which must be fit to be analyzed. Raises UsageError, TargetError."""
    packages: dict[str, Package] = {}
    entries: dict[str, list[Entry]] = {}
    for entry in catalogue.entries:
        require_feature_name(entry.feature.name)
        package = target.package(entry.package) if entry.package else whole
        packages[package.import_name] = package
        entries.setdefault(package.import_name, []).append(entry)
    for name, package in packages.items():
        refuse_own(package)
        refuse_metered(package)
        [first, *more] = entries[name]
        if not more and _rest_of(first, catalogue.rest) is None:
            where = f"{path}: feature: {first.feature.name}: without"
            raise UsageError(
                f"{where}: missing, and there is no [rest] and no other feature of {name}",
                slug="features-invalid",
                hint='Add [rest] with `command = "COMMAND"`: it runs the tests of everything else.',
            )
    return [
        _Group(graphs=Graphs(PackageCode(package)), entries=tuple(entries[name]), rest=catalogue.rest)
        for name, package in packages.items()
    ]


def _data_of_several(packages: int) -> UsageError:
    return UsageError(
        f"--data keeps what ran of one package, and the features are of {packages}",
        slug="no-place-for-file",
        hint="Leave out --data, or make a file of features for each package.",
    )


def _explained(failures: Mapping[str, MeterizeError]) -> MeterizeError:
    """The first failure, which says of which feature it is, and what became of the others."""
    [(name, error), *others] = failures.items()
    error.message = f"feature {name!r}: {error.message}"
    error.args = (error.message,)
    error.details = (*error.details, *(f"feature {other!r}: {failure.message}" for other, failure in others))
    return error
