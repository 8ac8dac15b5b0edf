"""Find a feature's own instructions and the places that notice one use of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.errors import MeterizeError, TargetError
from meterize.model.coverage import CoverageRecord
from meterize.model.feature import Feature, Policy
from meterize.model.package import Package
from meterize.model.plan import HookPlan
from meterize.model.report import Analysis
from meterize.model.slice import FeatureSlice, size
from meterize.plan_file import write_plans
from meterize.planning import choose_hook_points
from meterize.refining import Refinement, explain, refine
from meterize.slicing import select_tests, slice_feature
from meterize.testruns import save_coverage

from .agreement import refuse_own, require_feature_name
from .destinations import DATA_BEGINS, PAGE_BEGINS, PLAN_BEGINS, require_place, require_two_places
from .graphs import Graphs
from .page import Found, write_page
from .progress import Progress
from .proofs import count_noticed, records_of
from .sources import PackageCode
from .status import manifest_of
from .suites import run_suites
from .target import Target
from .view import slice_functions

_ADVICE = "Run analyze again with --refine to sort these tests by what they execute."


def analyze(
    package_name: str,
    feature: Feature,
    *,
    target: Target,
    plan_path: Path | None = None,
    data_path: Path | None = None,
    page_path: Path | None = None,
    timeout: float | None = None,
    accept: Callable[[Refinement], bool] = lambda _: False,
    progress: Progress | None = None,
) -> Analysis:
    """Run both suites, slice, choose hook points and write the plan.

    ``plan_path`` defaults to ``PACKAGE.FEATURE.plan.toml`` in the working folder; ``data_path`` also keeps what was executed
    as a coverage.py data file; ``page_path`` gets the evidence as an HTML page; ``timeout`` bounds each suite, in seconds;
    ``accept`` is asked whether tests that sit on the wrong side, judged by what they execute, may be moved. Raises TargetError,
    TestsError, NothingFound, UsageError.
    """
    require_feature_name(feature.name)
    package = target.package(package_name)
    refuse_own(package)
    refuse_metered(package)
    path = plan_path or Path(f"{package.import_name}.{feature.name}.plan.toml")
    is_replaced = _require_places(path, data_path, page_path)
    code = PackageCode(package)
    runs = run_suites(package, code, feature, target, timeout, progress)
    if data_path is not None:
        save_coverage(runs, package, data_path)
    if progress is not None:
        progress("slice", "taking the difference")
    slice_feature(runs["with"], runs["without"])  # refuses swapped or equal runs, which no sorting can mend
    graphs = Graphs(code)
    refinement = refine(runs["with"], runs["without"], graphs.of(runs["with"]))
    is_moved = refinement is not None and accept(refinement)
    if refinement is not None and is_moved:
        runs = {"with": refinement.with_run, "without": refinement.without_run}
    advice = () if refinement is None or is_moved else (*explain(refinement), _ADVICE)
    try:
        plan, feature_slice = _choose(package, feature, runs, graphs, refinement if is_moved else None, advice)
    except MeterizeError as error:
        error.details = (*error.details, *advice)
        raise
    write_plans((plan,), path)
    if page_path is not None:
        why = explain(refinement) if refinement is not None and is_moved else ()
        found = Found(plan=plan, runs=runs, feature_slice=feature_slice, graphs=graphs, code=code, moved_why=why)
        write_page(found, page_path)
    return Analysis(
        package=package,
        plan=plan,
        plan_path=path,
        replaced=is_replaced,
        functions=slice_functions(code, feature_slice, plan),
        warnings=plan.warnings,
        seconds=sum(run.seconds for run in runs.values()),
        rest_noticed=count_noticed(records_of(runs["without"], plan.selection.rest_tests), plan),
        page_path=page_path,
    )


def _require_places(plan_path: Path, data_path: Path | None, page_path: Path | None) -> bool:
    is_replaced = require_place(plan_path, "--plan", begins=PLAN_BEGINS)
    if data_path is not None:
        require_place(data_path, "--data", begins=DATA_BEGINS)
        require_two_places(plan_path, data_path)
    if page_path is not None:
        require_place(page_path, "--html", begins=PAGE_BEGINS)
        require_two_places(plan_path, page_path, "--html")
    return is_replaced


def refuse_metered(package: Package) -> None:
    """Raise if the package carries hooks: their code is not what a plan speaks of."""
    if manifest_of(package) is not None:
        raise TargetError(
            f"{package.distribution} is metered already: an analysis needs its original code",
            slug="already-metered",
            hint=f"Run `meterize strip {package.distribution}` first; its plans stay valid and can be instrumented again.",
        )


def _choose(
    package: Package,
    feature: Feature,
    runs: Mapping[str, CoverageRecord],
    graphs: Graphs,
    refinement: Refinement | None,
    advice: tuple[str, ...],
) -> tuple[HookPlan, FeatureSlice]:
    feature_slice = slice_feature(runs["with"], runs["without"])
    selection = select_tests(runs["with"], runs["without"])
    choice = choose_hook_points(
        feature_slice,
        graphs.all(feature_slice.union),
        feature=feature.name,
        distribution=package.distribution,
        charge=feature.charge,
        executed_tests=selection.feature_tests,
    )
    if refinement is not None:
        selection = dataclasses.replace(
            selection, moved_to_feature=refinement.moved_to_feature, moved_to_rest=refinement.moved_to_rest
        )
    by_size = sorted(feature_slice.union.items(), key=lambda item: (-item[1].bit_count(), item[0]))
    collection_warnings = (message for run in runs.values() for message in run.warnings)
    plan = HookPlan(
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
        selection=selection,
        intersection=size(feature_slice.intersection),
        union=size(feature_slice.union),
        slice_functions=tuple(dict.fromkeys(f"{name.file}:{name.qualname}" for name, _ in by_size)),
        hook_points=choice.hook_points,
        warnings=tuple(dict.fromkeys((*collection_warnings, *advice, *choice.warnings))),
    )
    return plan, feature_slice
