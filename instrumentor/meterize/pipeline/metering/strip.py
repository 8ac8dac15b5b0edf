"""Take hooks out again."""

from __future__ import annotations

from meterize.errors import TargetError
from meterize.installed import manifests
from meterize.installed import strip as take_out
from meterize.model.manifest import StripReport
from meterize.pipeline.metered import find_metered
from meterize.pipeline.target import Target


def strip(name: str, *, target: Target) -> StripReport:
    """Restore one package, even if it was upgraded or uninstalled since; raises TargetError if it is not metered here."""
    found = find_metered(name, target)
    if found is not None:
        site, manifest = found
        return take_out(site, manifest.distribution)
    target.package(name)  # explains it if there is no such package
    raise TargetError(
        f"{name} is not metered here",
        slug="not-metered",
        hint="`meterize status` lists what is. With --python PATH you look into another environment.",
    )


def strip_all(*, target: Target) -> tuple[StripReport, ...]:
    """Restore every metered package of the environment."""
    return tuple(take_out(site, manifest.distribution) for site in target.sites() for manifest in manifests(site))
