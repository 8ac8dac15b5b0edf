"""Run both suites on the metered package and on its original code, and judge whether the hooks tell the feature from the rest,
change nothing else, and come out again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.errors import TargetError
from meterize.evidence import evidence_file, keep_passed, require_place, write_evidence
from meterize.model.manifest import Manifest, MeteredPlan
from meterize.model.package import Package
from meterize.model.plan import HookPlan
from meterize.model.verdict import RoundTrip, SuiteRun, Verdict, Verification
from meterize.pipeline.agreement import choose_plans
from meterize.pipeline.metered import manifest_of, states_of
from meterize.pipeline.progress import Progress
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target
from meterize.plan_file import check_interpreter, read_plans
from meterize.testruns import Originals

from .evidence import describe
from .judgement import judge
from .plan_parts import parts_of
from .round_trip import go_round, proven_files
from .suite_pairs import Pair, SuitePairs
from .untouched import original_code


def verify(
    plan_path: Path,
    *,
    target: Target,
    features: Collection[str] = (),
    evidence: Path | None = None,
    timeout: float | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Judge every feature of a plan that is instrumented here, or those named in ``features``, and write down what that rests
    on: beside the plan, or to ``evidence``. ``timeout`` bounds each run of a suite, in seconds.

    Raises UsageError (the plan), TargetError (the plan is not what is installed), TestsError (a suite did not run at all).
    """
    every = read_plans(plan_path)
    plan_file_digest = hashlib.sha256(plan_path.read_bytes()).hexdigest()
    plans = choose_plans(every, features, plan_path)
    check_interpreter(plans[0], CACHE_TAG)
    by_package = {name: [plan for plan in plans if plan.package == name] for name in dict.fromkeys(p.package for p in plans)}
    packages = [target.package(name) for name in by_package]
    in_force = [_in_force(own, package) for own, package in zip(by_package.values(), packages, strict=True)]
    evidence_path = require_place(evidence or evidence_file(plan_path), plan_path)
    examined = []
    for own, package, manifest in zip(by_package.values(), packages, in_force, strict=True):
        pairs = partial(SuitePairs, package, target=target, timeout=timeout, progress=progress)
        examined.append(_examine(own, every, package, manifest, target, pairs))
    found = _gather(plan_path, plans, examined, evidence_path)
    content = describe(found, plan_file_digest)
    kept = keep_passed(evidence_path, content)
    digest = write_evidence(evidence_path, content, like=plan_path)
    return dataclasses.replace(found, evidence_digest=digest, kept_path=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Examined:
    """What was found out about the features of one package."""

    verdicts: tuple[Verdict, ...]
    suites: tuple[SuiteRun, ...]
    round_trip: RoundTrip


def _gather(plan_path: Path, plans: Sequence[HookPlan], examined: Sequence[_Examined], evidence_path: Path) -> Verification:
    """All packages together, features in the order of the plan."""
    verdicts = {(v.plan.distribution, v.plan.feature): v for each in examined for v in each.verdicts}
    suites = tuple(suite for each in examined for suite in each.suites)
    untouched = sum(suite.untouched_seconds for suite in suites)
    return Verification(
        plan_path=plan_path,
        verdicts=tuple(verdicts[plan.distribution, plan.feature] for plan in plans),
        suites=suites,
        round_trips=tuple(each.round_trip for each in examined),
        cost=sum(suite.seconds for suite in suites) / untouched if untouched else None,
        evidence_path=evidence_path,
        evidence_digest="",
    )


def _examine(
    plans: Sequence[HookPlan],
    every: Sequence[HookPlan],
    package: Package,
    manifest: Manifest,
    target: Target,
    make_pairs: Callable[[Originals], SuitePairs],
) -> _Examined:
    """All features of one package: every command once, the files before and after."""
    code = PackageCode(package)
    files = proven_files(package.site, manifest)
    with original_code(code, manifest) as originals:
        pairs = make_pairs(originals)
        ran = [(plan, *_run(plan, every, pairs)) for plan in plans]
    round_trip = go_round(code, manifest, files)
    in_force = {metered.feature: metered for metered in manifest.plans}
    disturbances = _disturbances(package, target)
    verdicts = []
    for plan, with_pair, rest_pairs in ran:
        metered = in_force[plan.feature]
        verdict = judge(
            plan, metered.plan_digest, package, with_pair=with_pair, rest_pairs=rest_pairs, problems=round_trip.problems
        )
        verdict = dataclasses.replace(verdict, warnings=(*disturbances, *verdict.warnings), plan_parts=parts_of(metered))
        verdicts.append(_of_version(verdict, manifest))
    return _Examined(verdicts=tuple(verdicts), suites=pairs.suites(), round_trip=round_trip)


def _of_version(verdict: Verdict, manifest: Manifest) -> Verdict:
    """The verdict, with the version said before anything else where another one was installed since."""
    if manifest.version == verdict.package.version:
        return verdict
    change = f"version {verdict.package.version} was installed over {manifest.version}"
    what = f"{change}, which the hooks were made for: instrument again"
    return dataclasses.replace(verdict, passed=False, reasons=(what, *verdict.reasons), made_for=manifest.version)


def _run(plan: HookPlan, every: Sequence[HookPlan], pairs: SuitePairs) -> tuple[Pair, tuple[Pair, ...]]:
    """The feature's command and those of the rest, which go first: their own, and the features it is told apart from."""
    of = f"{plan.feature}: " if len(every) > 1 else ""
    rest = [pairs.pair(plan.without_command, plan.cwd, f"{of}without")] if plan.without_command else []
    with_pair = pairs.pair(plan.with_command, plan.cwd, f"{of}with")
    others = [other for other in every if other.distribution == plan.distribution and other.feature in plan.against]
    rest += [pairs.pair(other.with_command, other.cwd, f"{other.feature}: with") for other in others]
    return with_pair, tuple(rest)


def _disturbances(package: Package, target: Target) -> tuple[str, ...]:
    """What keeps hooks from working here, whatever the suites say."""
    states = states_of(package.distribution, target=target)
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
