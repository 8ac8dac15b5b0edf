"""Run both suites on the metered package and judge whether the hooks tell the feature from the rest."""

from __future__ import annotations

from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.errors import TargetError
from meterize.model.coverage import FireRecord, Outcome
from meterize.model.package import Package
from meterize.model.plan import HookPlan
from meterize.model.report import SuiteVerdict, Verdict
from meterize.plan_file import check_interpreter, read_plan
from meterize.testruns import count_fires

from .progress import Progress, of_stage
from .status import manifest_of
from .target import Target


def verify(plan_path: Path, *, target: Target, timeout: float | None = None, progress: Progress | None = None) -> Verdict:
    """Judge a plan that is instrumented here. ``timeout`` bounds each suite, in seconds.

    Raises UsageError (the plan), TargetError (the plan is not what is installed), TestsError (a suite did not run at all).
    """
    plan = read_plan(plan_path)
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
    return judge(plan, plan_path, package, with_run=runs[1], without_run=runs[0])


def judge(plan: HookPlan, plan_path: Path, package: Package, *, with_run: FireRecord, without_run: FireRecord) -> Verdict:
    """Passed: both suites pass, every feature test fires, no rest test does."""
    hooks = frozenset(point.id for point in plan.hook_points)
    feature = _suite(with_run, hooks, should_fire=True)
    rest = _suite(without_run, hooks, should_fire=False)
    reasons = []
    for name, suite in (("with", feature), ("without", rest)):
        if suite.exit_code != 0:
            reasons.append(
                f"the --{name} suite fails on the metered package (exit code {suite.exit_code}): try it after a strip"
            )
        if not suite.total:
            reasons.append(f"the --{name} suite ran no test")
    if feature.odd:
        reasons.append(f"{len(feature.odd)} of {feature.total} feature tests did not fire a hook")
    if rest.odd:
        reasons.append(f"{len(rest.odd)} of {rest.total} rest tests fired a hook: they use the feature, or the place is wrong")
    return Verdict(
        package=package,
        plan=plan,
        plan_path=plan_path,
        passed=not reasons,
        feature=feature,
        rest=rest,
        reasons=tuple(reasons),
        warnings=tuple(dict.fromkeys((*with_run.warnings, *without_run.warnings))),
    )


def _suite(run: FireRecord, hooks: frozenset[str], *, should_fire: bool) -> SuiteVerdict:
    uses = {
        test.id: sum(count for hook, count in test.fires.items() if hook in hooks)
        for test in run.tests
        if test.outcome is not Outcome.SKIPPED
    }
    return SuiteVerdict(
        command=run.command,
        exit_code=run.exit_code,
        total=len(uses),
        fired=sum(1 for count in uses.values() if count),
        odd=tuple(test for test, count in uses.items() if bool(count) is not should_fire),
        uses={test: count for test, count in uses.items() if count},
        seconds=run.seconds,
    )


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
