"""Put a plan's hooks into the installed package, all or nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from meterize.cpython.versions import CACHE_TAG
from meterize.installed import apply, lock, preview
from meterize.model.feature import Policy
from meterize.model.manifest import Manifest, MeteredPlan
from meterize.model.package import Package
from meterize.model.plan import HookPlan
from meterize.model.report import Instrumentation, PlacedHook
from meterize.plan_file import check_interpreter, digest_plan, read_plans, render_plans

from .agreement import refuse_own, require_agreement
from .rewrite import describe_changes, placed_hooks, rewrite_package
from .runtime import runtime_source
from .sources import PackageCode
from .status import manifest_of
from .target import Target


def instrument(plan_path: Path, *, target: Target, policy: Policy | None = None, dry_run: bool = False) -> Instrumentation:
    """Rewrite the modules that the plan hooks, beside other features of the package that are metered already.

    ``policy`` overrules the plan's. Raises UsageError (the plan), TargetError (the environment).
    """
    [plan, *_] = read_plans(plan_path)
    if policy is not None:
        plan = dataclasses.replace(plan, policy=policy)
    check_interpreter(plan, CACHE_TAG)
    package = target.package(plan.package)
    refuse_own(package)
    require_agreement(plan, package)
    code = PackageCode(package)
    runtime = runtime_source(target)
    with lock(package.site):  # what else is metered must not change between here and there
        plans = (*_other_features(manifest_of(package), package, plan), _metered(plan, plan_path))
        modules = rewrite_package(code, plans)
        changed = preview(package, modules, plans, runtime=runtime)
        if changed and not dry_run:
            apply(package, modules, plans, runtime=runtime)
    hooks = placed_hooks(plan, modules)
    return Instrumentation(
        package=package,
        feature=plan.feature,
        policy=plan.policy,
        dry_run=dry_run,
        changed=changed,
        files=tuple(sorted({point.code.file for point in plan.hook_points})),
        hooks=hooks,
        changes=describe_changes(code, plans) if dry_run else (),
        warnings=tuple(_warnings(plan, package, hooks)),
    )


def _metered(plan: HookPlan, path: Path) -> MeteredPlan:
    return MeteredPlan(
        feature=plan.feature,
        policy=plan.policy,
        plan_digest=digest_plan(plan),
        plan_path=str(path.resolve()),
        hook_points=plan.hook_points,
        plan_text=render_plans((plan,)),
    )


def _other_features(manifest: Manifest | None, package: Package, plan: HookPlan) -> tuple[MeteredPlan, ...]:
    """What stays metered: the other plans, unless they are for code that an upgrade has taken away."""
    if manifest is None or manifest.version != package.version or manifest.interpreter != CACHE_TAG:
        return ()
    return tuple(other for other in manifest.plans if other.feature != plan.feature)


def _warnings(plan: HookPlan, package: Package, hooks: tuple[PlacedHook, ...]) -> list[str]:
    found = []
    if plan.version != package.version:
        found.append(
            f"made for {plan.distribution} {plan.version}, and {package.version} is installed; the hooked code is the same"
        )
    for hook in hooks:
        levels = " and ".join("-" + "O" * level for level in hook.missing_at)
        if levels:
            found.append(f"{hook.id} has no place in code compiled with {levels}: processes run so are not metered there")
    return found
