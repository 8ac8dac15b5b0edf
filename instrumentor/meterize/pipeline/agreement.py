"""Whether names and plans that people write mean what the rest of the work takes them to mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from meterize.errors import TargetError, UsageError
from meterize.model.package import Package
from meterize.model.plan import HookPlan

OWN: Final = ("meterize", "meterize_hooks")
MAX_NAME: Final = 80
"""Characters of a feature's name: it stands in tables, bills and file names."""


def require_feature_name(name: str) -> None:
    """Raise UsageError for a name that cannot be told apart in ids, file names and tables."""
    if not name.strip():
        what = "it is empty"
    elif name != name.strip():
        what = "it begins or ends with a blank"
    elif len(name) > MAX_NAME:
        what = f"it has {len(name)} characters; at most {MAX_NAME} are allowed"
    elif not name.isprintable():
        what = "it holds characters that cannot be printed"
    elif "/" in name:
        what = "it holds a slash, which separates the parts of a hook's id"
    else:
        return
    raise UsageError(
        f"the feature's name {name!r} cannot be used: {what}",
        slug="bad-feature-name",
        hint="Choose a short name such as xlsx-export; blanks inside, quotes and any letters are fine.",
    )


def choose_plans(plans: Sequence[HookPlan], features: Collection[str], path: Path) -> tuple[HookPlan, ...]:
    """The features of the plan at ``path`` that were named; all if none was. Raises UsageError."""
    known = list(dict.fromkeys(plan.feature for plan in plans))
    for name in features:
        if name not in known:
            raise UsageError(
                f"{path} holds no feature {name!r}",
                slug="no-such-feature",
                hint=f"It holds {', '.join(map(repr, known))}.",
            )
    return tuple(plan for plan in plans if not features or plan.feature in features)


def refuse_own(package: Package) -> None:
    """Raise TargetError for the tool and its runtime: their own processes must never count."""
    if package.import_name in OWN:
        raise TargetError(
            f"{package.import_name} is meterize itself, which does not meter itself",
            slug="own-package",
            hint="Name the package whose feature is to be charged for.",
        )


def require_agreement(plan: HookPlan, package: Package) -> None:
    """Raise UsageError if the plan, edited by hand, speaks of something else than the package that it names."""
    require_feature_name(plan.feature)
    if plan.distribution != package.distribution:
        raise _disagreement(f"distribution is {plan.distribution!r}, but {package.import_name} is of {package.distribution!r}")
    of_feature = re.compile(re.escape(f"{plan.distribution}/{plan.feature}/") + r"[1-9][0-9]{0,8}")
    for point in plan.hook_points:
        if not of_feature.fullmatch(point.id):
            raise _disagreement(f"the hook's id {point.id!r} should be {plan.distribution}/{plan.feature}/ and a number")
        if point.code.file not in package.modules and not _may_be_gone(point.code.file, plan, package):
            raise _disagreement(f"hook {point.id}: {point.code.file} is no module of {package.import_name}")


def _may_be_gone(file: str, plan: HookPlan, package: Package) -> bool:
    """Another version than the one that the plan was made for may lack a module: that is no contradiction."""
    return plan.version != package.version and package.claims(file)


def _disagreement(what: str) -> UsageError:
    return UsageError(
        f"the plan contradicts itself or the package: {what}",
        slug="plan-disagrees",
        hint="Correct the plan by hand, or make a new one with `meterize analyze`.",
    )
