"""Put a plan's hooks into the installed packages, all or nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.installed import RuntimeSource, Wanted, apply_all, lock, preview
from meterize.model.feature import Policy
from meterize.model.manifest import Manifest, MeteredPlan
from meterize.model.package import Package
from meterize.model.plan import HookPlan, HookPoint
from meterize.model.report import Instrumentation, PlacedHook
from meterize.pipeline.agreement import choose_plans, refuse_own, require_agreement
from meterize.pipeline.metered import manifest_of
from meterize.pipeline.readers import Readers
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target
from meterize.plan_file import check_interpreter, digest_plan, read_plans, render_plans

from .fitting import fit_plans, fit_points
from .rewrite import describe_changes, placed_hooks, rewrite_package
from .runtime import runtime_source


def instrument(
    plan_path: Path,
    *,
    target: Target,
    policy: Policy | None = None,
    features: Collection[str] = (),
    dry_run: bool = False,
) -> tuple[Instrumentation, ...]:
    """Rewrite the modules that the plan hooks, beside other features of the packages that are metered already.

    All features of the plan, or those named in ``features``, whatever their packages: all of them or none. ``policy`` overrules
    the plan's. Raises UsageError (the plan), TargetError (the environment).
    """
    plans = [
        plan if policy is None else dataclasses.replace(plan, policy=policy)
        for plan in choose_plans(read_plans(plan_path), features, plan_path)
    ]
    check_interpreter(plans[0], CACHE_TAG)
    packages = {name: target.package(name) for name in dict.fromkeys(plan.package for plan in plans)}
    for plan in plans:
        refuse_own(packages[plan.package])
        require_agreement(plan, packages[plan.package])
    runtime = runtime_source(target)
    with ExitStack() as locks:  # what else is metered must not change between here and there
        for site in sorted({package.site for package in packages.values()}):
            locks.enter_context(lock(site))
        works = [_prepare(own, packages[own[0].package], plan_path, runtime) for own in _by_distribution(plans)]
        if not dry_run:
            apply_all([work.wanted for work in works if work.changed], runtime=runtime)
    done = {(plan.distribution, plan.feature): report for work in works for plan, report in _report(work, packages, dry_run)}
    return tuple(done[plan.distribution, plan.feature] for plan in plans)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is to be done with one distribution: ``fitted`` are its features of the plan, as they fit the installed code."""

    code: PackageCode
    plans: tuple[HookPlan, ...]
    fitted: tuple[HookPlan, ...]
    wanted: Wanted
    changed: bool
    warnings: tuple[str, ...]


def _by_distribution(plans: Sequence[HookPlan]) -> list[list[HookPlan]]:
    distributions = dict.fromkeys(plan.distribution for plan in plans)
    return [[plan for plan in plans if plan.distribution == each] for each in distributions]


def _prepare(plans: Sequence[HookPlan], package: Package, plan_path: Path, runtime: RuntimeSource) -> _Work:
    code = PackageCode(package)
    fitted = fit_plans(plans, code, plan_path)
    Readers(code).refuse(point for plan in fitted for point in plan.hook_points)
    manifest = manifest_of(package)
    others, warnings = _other_features(manifest, code, [plan.feature for plan in plans])
    own = (_metered(plan, points.hook_points, plan_path) for plan, points in zip(plans, fitted, strict=True))
    metered = _in_old_order(manifest, [*others, *own])
    if manifest is not None:  # of several import packages, the distribution's record goes on under the name of the first
        package = dataclasses.replace(package, import_name=manifest.package)
    modules = rewrite_package(code, metered)
    return _Work(
        code=code,
        plans=tuple(plans),
        fitted=fitted,
        wanted=Wanted(package=package, modules=modules, plans=metered),
        changed=preview(package, modules, metered, runtime=runtime),
        warnings=warnings,
    )


def _metered(plan: HookPlan, points: tuple[HookPoint, ...], path: Path) -> MeteredPlan:
    """The plan as it was reviewed, with its places where they are now."""
    return MeteredPlan(
        feature=plan.feature,
        policy=plan.policy,
        plan_digest=digest_plan(plan),
        plan_path=str(path.resolve()),
        hook_points=points,
        plan_text=render_plans((plan,)),
    )


def _in_old_order(manifest: Manifest | None, plans: Sequence[MeteredPlan]) -> tuple[MeteredPlan, ...]:
    """As they were metered before, then the new ones: to meter one of them again is no change."""
    order = [plan.feature for plan in manifest.plans] if manifest is not None else []
    return tuple(sorted(plans, key=lambda plan: order.index(plan.feature) if plan.feature in order else len(order)))


def _other_features(
    manifest: Manifest | None, code: PackageCode, features: Collection[str]
) -> tuple[tuple[MeteredPlan, ...], tuple[str, ...]]:
    """What stays metered: the other plans, unless an upgrade or an edit has changed their code; and sentences about those."""
    kept, warnings = [], []
    for other in manifest.plans if manifest is not None and manifest.interpreter == CACHE_TAG else ():
        if other.feature in features:
            continue
        points, changes = fit_points(other.hook_points, code)
        if changes:
            warnings.append(f"{other.feature!r} was metered too and no longer is, analyze it again: {'; '.join(changes)}")
        else:
            kept.append(dataclasses.replace(other, hook_points=points))
    return tuple(kept), tuple(warnings)


def _report(work: _Work, packages: Mapping[str, Package], dry_run: bool) -> Iterator[tuple[HookPlan, Instrumentation]]:
    changes = describe_changes(work.code, work.wanted.plans) if dry_run else ()
    for plan, fitted in zip(work.plans, work.fitted, strict=True):
        package = packages[plan.package]
        hooks = placed_hooks(fitted, work.wanted.modules)
        files = {point.code.file for point in fitted.hook_points}
        yield (
            plan,
            Instrumentation(
                package=package,
                feature=plan.feature,
                policy=plan.policy,
                dry_run=dry_run,
                changed=work.changed,
                files=tuple(sorted(files)),
                hooks=hooks,
                changes=tuple(change for change in changes if change.file in files),
                warnings=(*_warnings(plan, package, hooks), *work.warnings),
            ),
        )


def _warnings(plan: HookPlan, package: Package, hooks: tuple[PlacedHook, ...]) -> Iterator[str]:
    if plan.version != package.version:
        yield f"{plan.distribution} {package.version} is installed, the plan is of {plan.version}; the hooked code is the same"
    for hook in hooks:
        levels = " and ".join("-" + "O" * level for level in hook.missing_at)
        if levels:
            yield f"{hook.id} has no place in code compiled with {levels}: processes run so are not metered there"
