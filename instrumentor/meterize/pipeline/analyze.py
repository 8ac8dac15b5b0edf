"""Find a feature's own instructions and the places that notice one use of it."""

from __future__ import annotations

from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.errors import TargetError
from meterize.flow import build_graph
from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord, Outcome
from meterize.model.feature import Feature, Policy
from meterize.model.flow import ControlFlowGraph
from meterize.model.package import Package
from meterize.model.plan import HookPlan, Selection
from meterize.model.report import Analysis
from meterize.model.slice import FeatureSlice, size
from meterize.plan_file import write_plan
from meterize.planning import Choice, choose_hook_points
from meterize.slicing import slice_feature
from meterize.testruns import collect, save_coverage

from .probes import probe_build
from .progress import Progress, of_stage
from .sources import PackageCode
from .status import manifest_of
from .target import Target
from .view import slice_functions


def analyze(
    package_name: str,
    feature: Feature,
    *,
    target: Target,
    plan_path: Path | None = None,
    data_path: Path | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Run both suites, slice, choose hook points and write the plan.

    ``plan_path`` defaults to ``PACKAGE.FEATURE.plan.toml`` in the working folder; ``data_path`` also keeps what was executed
    as a coverage.py data file; ``timeout`` bounds each suite, in seconds. Raises TargetError, TestsError, NothingFound.
    """
    package = target.package(package_name)
    refuse_metered(package)
    code = PackageCode(package)
    runs = _run_suites(package, code, feature, target, timeout, progress)
    if data_path is not None:
        save_coverage(runs, package, data_path)
    if progress is not None:
        progress("slice", "taking the difference")
    feature_slice = slice_feature(runs["with"], runs["without"])
    graphs = _graphs(code, feature_slice)
    ran = tuple(test.id for test in runs["with"].tests if test.outcome is not Outcome.SKIPPED)
    choice = choose_hook_points(
        feature_slice,
        graphs,
        feature=feature.name,
        distribution=package.distribution,
        charge=feature.charge,
        executed_tests=ran,
    )
    plan = _plan(package, feature, runs, feature_slice, choice)
    path = plan_path or Path(f"{package.import_name}.{feature.name}.plan.toml")
    write_plan(plan, path)
    return Analysis(
        package=package,
        plan=plan,
        plan_path=path,
        functions=slice_functions(code, feature_slice, plan),
        warnings=plan.warnings,
        seconds=sum(run.seconds for run in runs.values()),
    )


def refuse_metered(package: Package) -> None:
    """Raise if the package carries hooks: their code is not what a plan speaks of."""
    if manifest_of(package) is not None:
        raise TargetError(
            f"{package.distribution} is metered already: an analysis needs its original code",
            slug="already-metered",
            hint=f"Run `meterize strip {package.distribution}` first; its plans stay valid and can be instrumented again.",
        )


def _run_suites(
    package: Package, code: PackageCode, feature: Feature, target: Target, timeout: float | None, progress: Progress | None
) -> dict[str, CoverageRecord]:
    with probe_build(code) as probes:
        return {
            name: collect(
                command,
                cwd=feature.cwd,
                package=package,
                environment=target.run_environment(),
                timeout=timeout,
                probes=probes,
                on_progress=of_stage(progress, name),
            )
            # The rest goes first: what both import lazily then belongs to it.
            for name, command in (("without", feature.without_command), ("with", feature.with_command))
        }


def _graphs(code: PackageCode, feature_slice: FeatureSlice) -> dict[CodeId, ControlFlowGraph]:
    return {name: build_graph(name.file, code.codes(name.file)[name]) for name in feature_slice.union}


def _plan(
    package: Package, feature: Feature, runs: dict[str, CoverageRecord], feature_slice: FeatureSlice, choice: Choice
) -> HookPlan:
    by_size = sorted(feature_slice.union.items(), key=lambda item: (-item[1].bit_count(), item[0]))
    collection_warnings = (message for run in runs.values() for message in run.warnings)
    return HookPlan(
        package=package.import_name,
        distribution=package.distribution,
        version=package.version,
        interpreter=CACHE_TAG,
        feature=feature.name,
        charge=feature.charge,
        policy=Policy.ONCE,
        with_command=feature.with_command,
        without_command=feature.without_command,
        cwd=str(feature.cwd),
        selection=Selection(feature_tests=_ran(runs["with"]), rest_tests=_ran(runs["without"])),
        intersection=size(feature_slice.intersection),
        union=size(feature_slice.union),
        slice_functions=tuple(dict.fromkeys(f"{name.file}:{name.qualname}" for name, _ in by_size)),
        hook_points=choice.hook_points,
        warnings=tuple(dict.fromkeys((*collection_warnings, *choice.warnings))),
    )


def _ran(run: CoverageRecord) -> tuple[str, ...]:
    return tuple(test.id for test in run.tests if test.outcome is not Outcome.SKIPPED)
