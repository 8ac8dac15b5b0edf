"""Put a plan's hooks into the installed package, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..cpython.disassembly import disassemble
from ..cpython.identity import code_id, walk
from ..cpython.pyc import dump_pyc
from ..cpython.versions import CACHE_TAG
from ..installed import RuntimeSource, apply, manifests, preview
from ..model.feature import Policy
from ..model.manifest import MeteredPlan
from ..model.package import Package
from ..model.plan import HookPlan
from ..model.report import CodeChange, Instrumentation, PlacedHook
from ..model.rewritten import HookRequest, RewrittenModule
from ..plan_file import check_interpreter, digest_plan, read_plan, render_plan
from ..rewriting import rewrite_module
from .analyze import with_policy
from .runtime import runtime_source
from .sources import PackageCode
from .target import Target

OPTIMIZATIONS = (0, 1, 2)


def instrument(plan_path: Path, *, target: Target, policy: Policy | None = None, dry_run: bool = False) -> Instrumentation:
    """Rewrite the modules that the plan hooks, beside other features of the package that are metered already.

    Raises UsageError (the plan), TargetError (the environment).
    """
    plan = with_policy(read_plan(plan_path), policy)
    check_interpreter(plan, CACHE_TAG)
    package = target.package(plan.package)
    plans = (*_other_plans(package, plan), metered_plan(plan, plan_path))
    code = PackageCode(package)
    modules = rewrite_package(code, plans)
    changed = preview(package, modules, plans)
    if not dry_run and changed:
        apply(package, modules, plans, runtime=runtime_source(target))
    return Instrumentation(
        package=package,
        feature=plan.feature,
        policy=plan.policy,
        dry_run=dry_run,
        changed=changed,
        files=tuple(sorted({module.file for module in modules})),
        hooks=_placed(plan, modules),
        changes=_changes(code, modules, plans) if dry_run else (),
        warnings=_warnings(plan, package, modules),
    )
