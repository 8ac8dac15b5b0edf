"""The two suites of a feature, run under collection."""

from __future__ import annotations

from meterize.model.coverage import CoverageRecord
from meterize.model.feature import Feature
from meterize.model.package import Package
from meterize.testruns import collect

from .probes import probe_build
from .progress import Progress, of_stage
from .sources import PackageCode
from .target import Target


def run_suites(
    package: Package, code: PackageCode, feature: Feature, target: Target, timeout: float | None, progress: Progress | None
) -> dict[str, CoverageRecord]:
    """What each test of both commands executes, as ``without`` and ``with``; ``timeout`` bounds each suite, in seconds.

    Raises TestsError.
    """
    with probe_build(code) as probes:
        return {
            name: collect(
                command,
                cwd=feature.cwd,
                package=package,
                environment=target.run_environment(),
                timeout=timeout,
                probes=probes,
                on_progress=of_stage(progress, name),
            )
            # The rest goes first: what both import lazily then belongs to it.
            for name, command in (("without", feature.without_command), ("with", feature.with_command))
        }
