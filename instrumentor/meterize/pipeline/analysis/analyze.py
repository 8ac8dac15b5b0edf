"""Find a feature's own instructions and the places that notice one use of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from meterize.errors import TargetError
from meterize.model.feature import Feature
from meterize.model.own_files import DATA_BEGINS, PAGE_BEGINS, PLAN_BEGINS
from meterize.model.package import Package
from meterize.model.report import Analysis
from meterize.model.running import Running
from meterize.pipeline.agreement import refuse_own, require_feature_name
from meterize.pipeline.destinations import require_place, require_two_places
from meterize.pipeline.explanation.proofs import count_noticed, records_of
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.metered import manifest_of
from meterize.pipeline.progress import Progress
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target
from meterize.plan_file import write_plans
from meterize.refining import Refinement, explain
from meterize.testruns import save_coverage

from .finding import Finding, check_guidance, find_feature
from .imports import imports_of
from .suites import AS_USUAL, run_suites
from .view import slice_functions


def analyze(
    package_name: str,
    feature: Feature,
    *,
    target: Target,
    plan_path: Path | None = None,
    data_path: Path | None = None,
    page_path: Path | None = None,
    timeout: float | None = None,
    running: Running = AS_USUAL,
    accept: Callable[[Refinement], bool] = lambda _: False,
    progress: Progress | None = None,
) -> Analysis:
    """Run both suites, slice, choose hook points and write the plan.

    ``plan_path`` defaults to ``PACKAGE.FEATURE.plan.toml`` in the working folder; ``data_path`` also keeps what was executed
    as a coverage.py data file; ``page_path`` gets the evidence as an HTML page; ``timeout`` bounds each suite, in seconds;
    ``running`` says how they are run; ``accept`` is asked whether tests that sit on the wrong side, judged by what they
    execute, may be moved. Raises TargetError, TestsError, NothingFound, UsageError.
    """
    require_feature_name(feature.name)
    package = target.package(package_name)
    refuse_own(package)
    refuse_metered(package)
    path = plan_path or Path(f"{package.import_name}.{feature.name}.plan.toml")
    is_replaced = require_places(path, data_path, [page_path] if page_path else [])
    code = PackageCode(package)
    graphs = Graphs(code)
    check_guidance(package, feature, graphs)
    runs = run_suites(package, code, feature, target, timeout, progress, running)
    if data_path is not None:
        save_coverage(runs, package, data_path)
    if progress is not None:
        progress("slice", "taking the difference")
    imports = imports_of(package, code, feature.cwd, target, timeout, progress, running)
    finding = find_feature(package, feature, runs, graphs, accept, imports)
    write_plans((finding.plan,), path)
    return report(finding, graphs, plan_path=path, replaced=is_replaced, page_path=page_path)


def report(finding: Finding, graphs: Graphs, *, plan_path: Path, replaced: bool, page_path: Path | None) -> Analysis:
    """What was found, once its plan is written; and its page, if one is wanted. Raises TargetError for the page."""
    plan, feature_slice, code = finding.plan, finding.feature_slice, graphs.code
    if page_path is not None:
        # What draws a page takes a tenth of the command's start.
        from meterize.pipeline.explanation.page import Found, write_page

        why = explain(finding.refinement) if finding.refinement is not None else ()
        found = Found(plan=plan, runs=finding.runs, feature_slice=feature_slice, graphs=graphs, code=code, moved_why=why)
        write_page(found, page_path)
    return Analysis(
        package=code.package,
        plan=plan,
        plan_path=plan_path,
        replaced=replaced,
        functions=slice_functions(code, feature_slice, plan),
        warnings=plan.warnings,
        advice=finding.advice,
        seconds=sum(run.seconds for run in finding.runs.values()),
        rest_noticed=count_noticed(records_of(finding.runs["without"], plan.selection.rest_tests), plan),
        page_path=page_path,
        kept={name: run.kept_at for name, run in finding.runs.items() if run.kept_at is not None},
    )


def require_places(plan_path: Path, data_path: Path | None, page_paths: Sequence[Path]) -> bool:
    """Raise UsageError unless all that was asked for can be written; returns whether a plan will be replaced."""
    is_replaced = require_place(plan_path, "--plan", begins=PLAN_BEGINS)
    if data_path is not None:
        require_place(data_path, "--data", begins=DATA_BEGINS)
        require_two_places(plan_path, data_path)
    for page_path in page_paths:
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
