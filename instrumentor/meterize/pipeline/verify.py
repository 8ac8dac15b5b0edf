"""Run both suites on the metered package and judge whether the hooks tell the feature from the rest."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.errors import TargetError
from meterize.model.coverage import FireRecord, Outcome
from meterize.model.package import Package
from meterize.model.plan import HookPlan
from meterize.model.report import SuiteRun, TestGroup, Verdict
from meterize.plan_file import check_interpreter, read_plans
from meterize.testruns import count_fires

from .progress import Progress, of_stage
from .status import manifest_of, status
from .target import Target


def verify(plan_path: Path, *, target: Target, timeout: float | None = None, progress: Progress | None = None) -> Verdict:
    """Judge a plan that is instrumented here. ``timeout`` bounds each suite, in seconds.

    Raises UsageError (the plan), TargetError (the plan is not what is installed), TestsError (a suite did not run at all).
    """
    [plan, *_] = read_plans(plan_path)
    check_interpreter(plan, CACHE_TAG)
    package = target.package(plan.package)
    _require_installed(plan, package)
    runs = [
        count_fires(
            command,
            cwd=Path(plan.cwd),
            package=package,
            environment=target.run_environment(),
            timeout=timeout,
            on_progress=of_stage(progress, name),
        )
        for name, command in (("without", plan.without_command), ("with", plan.with_command))
    ]
    verdict = judge(plan, plan_path, package, with_run=runs[1], without_run=runs[0])
    return dataclasses.replace(verdict, warnings=(*_disturbances(package, target), *verdict.warnings))


def _disturbances(package: Package, target: Target) -> tuple[str, ...]:
    """What keeps hooks from working here, whatever the suites say."""
    states = status(package.distribution, target=target)
    files = [f"{file.meaning} {file.advice}" for state in states for file in state.files if not file.metered]
    notices = [f"{notice.meaning} {notice.advice}" for state in states for notice in state.notices]
    return tuple(dict.fromkeys((*files, *notices)))


def judge(plan: HookPlan, plan_path: Path, package: Package, *, with_run: FireRecord, without_run: FireRecord) -> Verdict:
    """Passed: both suites pass, every feature test fires, no rest test does."""
    uses = _uses(plan, with_run, without_run)
    users = _users(plan, with_run, without_run)
    feature = _group({test: count for test, count in uses.items() if test in users}, should_fire=True)
    rest = _group({test: count for test, count in uses.items() if test not in users}, should_fire=False)
    reasons = (*_suite_reasons("with", with_run), *_suite_reasons("without", without_run), *_group_reasons(feature, rest))
    return Verdict(
        package=package,
        plan=plan,
        plan_path=plan_path,
        passed=not reasons,
        feature=feature,
        rest=rest,
        with_suite=_suite(with_run),
        without_suite=_suite(without_run),
        reasons=reasons,
        warnings=tuple(dict.fromkeys((*with_run.warnings, *without_run.warnings))),
    )


def _uses(plan: HookPlan, *runs: FireRecord) -> Counter[str]:
    """How often each test that was not skipped passed the plan's hooks, in both runs together."""
    hooks = frozenset(point.id for point in plan.hook_points)
    uses: Counter[str] = Counter()
    for test in (test for run in runs for test in run.tests if test.outcome is not Outcome.SKIPPED):
        uses[test.id] += sum(count for hook, count in test.fires.items() if hook in hooks)
    return uses


def _users(plan: HookPlan, with_run: FireRecord, without_run: FireRecord) -> frozenset[str]:
    """The tests that should fire: those of ``--with`` alone, sorted as the plan has them sorted."""
    asked = {test.id for test in with_run.tests} - {test.id for test in without_run.tests}
    return frozenset((asked - set(plan.selection.moved_to_rest)) | set(plan.selection.moved_to_feature))


def _group(uses: Mapping[str, int], *, should_fire: bool) -> TestGroup:
    fired = {test: count for test, count in uses.items() if count}
    odd = tuple(test for test in uses if (test in fired) is not should_fire)
    return TestGroup(total=len(uses), fired=len(fired), odd=odd, uses=fired)


def _suite(run: FireRecord) -> SuiteRun:
    return SuiteRun(command=run.command, exit_code=run.exit_code, seconds=run.seconds)


def _suite_reasons(name: str, run: FireRecord) -> Iterator[str]:
    if run.exit_code != 0:
        yield f"the --{name} suite fails on the metered package (exit code {run.exit_code}): try it after a strip"


def _group_reasons(feature: TestGroup, rest: TestGroup) -> Iterator[str]:
    for name, group in (("feature", feature), ("rest", rest)):
        if not group.total:
            yield f"no {name} test ran"
    if feature.odd:
        yield f"{len(feature.odd)} of {feature.total} feature tests did not fire a hook"
    if rest.odd:
        yield f"{len(rest.odd)} of {rest.total} rest tests fired a hook: they use the feature, or the place is wrong"


def _require_installed(plan: HookPlan, package: Package) -> None:
    manifest = manifest_of(package)
    installed = {
        point.id: (point.code, point.digest, point.offset)
        for metered in (manifest.plans if manifest else ())
        if metered.feature == plan.feature
        for point in metered.hook_points
    }
    wanted = {point.id: (point.code, point.digest, point.offset) for point in plan.hook_points}
    if installed == wanted:
        return
    what = "another plan for it is" if installed else "it is not"
    raise TargetError(
        f"feature {plan.feature!r} of {package.distribution}: {what} instrumented here",
        slug="plan-not-installed",
        hint="Run `meterize instrument PLAN` with this plan first, then verify again.",
    )
