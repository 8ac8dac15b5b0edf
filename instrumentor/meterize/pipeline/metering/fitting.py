"""Whether the code that a plan pins by digest is still there in the installed package, and where it stands now."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import CodeType

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.errors import MeterizeError, TargetError
from meterize.model.feature import Charge
from meterize.model.package import Package
from meterize.model.plan import HookPlan, HookPoint
from meterize.pipeline.sources import PackageCode


def fit_plans(plans: Sequence[HookPlan], code: PackageCode, path: Path) -> tuple[HookPlan, ...]:
    """The plans with the lines that their places have now; the code itself must be what it was.

    Raises TargetError (``plan-out-of-date``) that lists every function that has changed or is gone, of all the plans;
    ``path`` is their file, for its advice.
    """
    fitted, changes = [], {}
    for plan in plans:
        points, changed = fit_points(plan.hook_points, code)
        fitted.append(dataclasses.replace(plan, hook_points=points))
        if changed:
            changes[plan.feature] = changed
    if changes:
        raise _out_of_date(plans, changes, code.package, path)
    return tuple(fitted)


def fit_points(points: Iterable[HookPoint], code: PackageCode) -> tuple[tuple[HookPoint, ...], tuple[str, ...]]:
    """Hook points where their code stands now, and sentences about those whose code has changed or is gone."""
    fitted, changes = [], []
    for point in points:
        found = _find(point, code)
        if isinstance(found, str):
            changes.append(f"{point.code.file}: {point.code.qualname} (line {point.code.first_line}) {found}")
        else:
            fitted.append(found)
    return tuple(fitted), tuple(dict.fromkeys(changes))


def _find(point: HookPoint, code: PackageCode) -> HookPoint | str:
    """The point as it is now, or what has become of its code."""
    file = point.code.file
    if not (code.package.site / file).is_file():
        return "is gone, and the module with it"
    try:
        module = code.module(file)
    except MeterizeError as error:
        return f"cannot be looked at: {error.message}"
    named = [each for _, each in walk(module) if each.co_qualname == point.code.qualname]
    same = [each for each in named if code_digest(each) == point.digest]
    if any(each.co_firstlineno == point.code.first_line for each in same):
        return point
    if len(same) == 1:
        return _moved(point, same[0])
    if same:
        return f"is there {len(same)} times by now, and which one is meant cannot be told"
    return "has changed" if named else "is gone"


def _moved(point: HookPoint, code: CodeType) -> HookPoint:
    line = point.line + code.co_firstlineno - point.code.first_line
    for start, end, own in code.co_lines():
        if start <= point.offset < end and own is not None:
            line = own
    return dataclasses.replace(point, code=code_id(point.code.file, code), line=line)


def _out_of_date(plans: Sequence[HookPlan], changes: dict[str, tuple[str, ...]], package: Package, path: Path) -> TargetError:
    version = {plan.version for plan in plans} - {package.version}
    installed = f"{package.distribution} {package.version} is installed"
    since = f"{installed}, " + (f"the plan is of {', '.join(sorted(version))}" if version else "and not as the plan has it")
    count = len({change for changed in changes.values() for change in changed})
    names = ", ".join(repr(name) for name in changes)
    again = f" (meterize analyze {package.import_name} --features FILE)" if any(plan.against for plan in plans) else ""
    hint = f"Run analyze again for {names}{again}, and review what is new in the plan."
    if len(changes) == len(plans) == 1 and not plans[0].against:
        hint = f"Run analyze again, and review what is new in the plan: {_command(plans[0], path)}"
    elif fitting := [plan.feature for plan in plans if plan.feature not in changes]:
        hint += f" The others fit; to meter them meanwhile: {' '.join(f'--feature {shlex.quote(name)}' for name in fitting)}"
    return TargetError(
        f"{since}: {count} hooked function{'s' * (count != 1)} changed; nothing was instrumented",
        slug="plan-out-of-date",
        hint=hint,
        details=tuple(f"{name}: {change}" for name, changed in changes.items() for change in changed),
    )


def _command(plan: HookPlan, path: Path) -> str:
    """What makes the plan anew, as its user would type it."""
    guidance = plan.guidance
    words = ["meterize", "analyze", plan.package, "--feature", plan.feature]
    words += ["--with", plan.with_command, "--without", plan.without_command]
    words += ["--cwd", plan.cwd, "--plan", str(path)]
    words += ["--charge", plan.charge.value] if plan.charge is not Charge.ON_ENTRY else []
    words += ["--refine"] if plan.selection.is_mended else []
    words += [word for place in guidance.at for word in ("--at", place)]
    words += [word for pattern in guidance.exclude for word in ("--exclude", pattern)]
    words += ["--max-hooks", str(guidance.max_hooks)] if guidance.max_hooks is not None else []
    return shlex.join(words)
