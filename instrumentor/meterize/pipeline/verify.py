"""Run both suites on the metered package and on its original code, and judge whether the hooks tell the feature from the rest,
change nothing else, and come out again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.errors import TargetError
from meterize.evidence import evidence_file, require_place, write_evidence
from meterize.model.manifest import Manifest, MeteredPlan
from meterize.model.package import Package
from meterize.model.plan import HookPlan
from meterize.model.verdict import RoundTrip, SuiteRun, Verdict, Verification
from meterize.plan_file import check_interpreter, read_plans

from .evidence import describe
from .judgement import judge
from .progress import Progress
from .round_trip import go_round, proven_files
from .sources import PackageCode
from .status import manifest_of, status
from .suite_pairs import Pair, SuitePairs
from .target import Target
from .untouched import original_code


def verify(
    plan_path: Path,
    *,
    target: Target,
    evidence: Path | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Judge every feature of a plan that is instrumented here, and write down what that rests on: beside the plan, or to
    ``evidence``. ``timeout`` bounds each run of a suite, in seconds.

    Raises UsageError (the plan), TargetError (the plan is not what is installed), TestsError (a suite did not run at all).
    """
    plans = read_plans(plan_path)
    for plan in plans:
        check_interpreter(plan, CACHE_TAG)
    evidence_path = evidence or evidence_file(plan_path)
    packages = {name: target.package(name) for name in dict.fromkeys(plan.package for plan in plans)}
    in_force = {name: _in_force([plan for plan in plans if plan.package == name], packages[name]) for name in packages}
    require_place(evidence_path)
    examined = [
        _examine([plan for plan in plans if plan.package == name], package, in_force[name], target, timeout, progress)
        for name, package in packages.items()
    ]
    order = [(plan.distribution, plan.feature) for plan in plans]
    verdicts = [verdict for each in examined for verdict in each[0]]
    verdicts.sort(key=lambda verdict: order.index((verdict.plan.distribution, verdict.plan.feature)))
    suites = tuple(suite for each in examined for suite in each[1])
    found = Verification(
        plan_path=plan_path,
        verdicts=tuple(verdicts),
        suites=suites,
        round_trips=tuple(each[2] for each in examined),
        cost=_cost(suites),
        evidence_path=evidence_path,
        evidence_digest="",
    )
    digest = write_evidence(evidence_path, describe(found), like=plan_path)
    return dataclasses.replace(found, evidence_digest=digest)


def _examine(
    plans: Sequence[HookPlan],
    package: Package,
    manifest: Manifest,
    target: Target,
    timeout: float | None,
    progress: Progress | None,
) -> tuple[list[Verdict], tuple[SuiteRun, ...], RoundTrip]:
    """All features of one package: every command once, the files before and after."""
    code = PackageCode(package)
    files = proven_files(package.site, manifest)
    with ExitStack() as stack:
        originals = stack.enter_context(original_code(code, manifest))
        pairs = SuitePairs(package, originals, target, timeout, progress)
        ran = [(plan, *_run(plan, plans, pairs)) for plan in plans]
    round_trip = go_round(code, manifest, files)
    digests = {metered.feature: metered.plan_digest for metered in manifest.plans}
    disturbances = _disturbances(package, target)
    verdicts = []
    for plan, with_pair, rest_pairs in ran:
        verdict = judge(
            plan, digests[plan.feature], package, with_pair=with_pair, rest_pairs=rest_pairs, problems=round_trip.problems
        )
        verdicts.append(dataclasses.replace(verdict, warnings=(*disturbances, *verdict.warnings)))
    return verdicts, pairs.suites(), round_trip


def _run(plan: HookPlan, plans: Sequence[HookPlan], pairs: SuitePairs) -> tuple[Pair, tuple[Pair, ...]]:
    """The feature's command and those of the rest, which go first: their own, and the features it is told apart from."""
    of = f"{plan.feature}: " if len(plans) > 1 else ""
    rest = [pairs.pair(plan.without_command, plan.cwd, f"{of}without")] if plan.without_command else []
    with_pair = pairs.pair(plan.with_command, plan.cwd, f"{of}with")
    others = [other for other in plans if other.feature in plan.against]
    rest += [pairs.pair(other.with_command, other.cwd, f"{other.feature}: with") for other in others]
    return with_pair, tuple(rest)


def _cost(suites: Sequence[SuiteRun]) -> float | None:
    """CPU time with hooks over that without, both suites and all attempts."""
    untouched = sum(suite.untouched_seconds for suite in suites)
    return sum(suite.seconds for suite in suites) / untouched if untouched else None


def _disturbances(package: Package, target: Target) -> tuple[str, ...]:
    """What keeps hooks from working here, whatever the suites say."""
    states = status(package.distribution, target=target)
    files = [f"{file.meaning} {file.advice}" for state in states for file in state.files if not file.metered]
    notices = [f"{notice.meaning} {notice.advice}" for state in states for notice in state.notices]
    return tuple(dict.fromkeys((*files, *notices)))


def _in_force(plans: Sequence[HookPlan], package: Package) -> Manifest:
    """The manifest of a package, in which each of the plans is. Raises TargetError."""
    manifest = manifest_of(package)
    if manifest is None:
        raise _not_installed(plans[0], "it is not")
    metered = {each.feature: set(_places(each)) for each in manifest.plans}
    for plan in plans:
        if plan.feature not in metered:
            raise _not_installed(plan, "it is not")
        if metered[plan.feature] != set(_places(plan)):
            raise _not_installed(plan, "another plan for it is")
    return manifest


def _not_installed(plan: HookPlan, what: str) -> TargetError:
    return TargetError(
        f"feature {plan.feature!r} of {plan.distribution}: {what} instrumented here",
        slug="plan-not-installed",
        hint="Run `meterize instrument PLAN` with this plan first, then verify again.",
    )


def _places(plan: HookPlan | MeteredPlan) -> Iterator[tuple[object, ...]]:
    """By digest, not by line: in another version of the package the same code may stand elsewhere."""
    return ((point.id, point.code.file, point.code.qualname, point.digest, point.offset) for point in plan.hook_points)
