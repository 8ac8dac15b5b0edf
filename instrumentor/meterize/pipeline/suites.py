"""The suites of features, run under collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meterize.model.coverage import CoverageRecord
from meterize.model.feature import Feature
from meterize.model.package import Package
from meterize.testruns import collect

from .probes import probe_build
from .progress import Progress, of_stage
from .sources import PackageCode
from .target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One command that runs tests in ``cwd``; ``name`` is what progress and data files call it."""

    name: str
    command: str
    cwd: Path


def run_suites(
    package: Package, code: PackageCode, feature: Feature, target: Target, timeout: float | None, progress: Progress | None
) -> dict[str, CoverageRecord]:
    """What each test of both commands executes, as ``without`` and ``with``; ``timeout`` bounds each suite, in seconds.

    Raises TestsError.
    """
    # The rest goes first: what both import lazily then belongs to it.
    without = Suite(name="without", command=feature.without_command, cwd=feature.cwd)
    with_ = Suite(name="with", command=feature.with_command, cwd=feature.cwd)
    return run_all(package, code, [without, with_], target, timeout, progress)


def run_all(
    package: Package,
    code: PackageCode,
    suites: Sequence[Suite],
    target: Target,
    timeout: float | None,
    progress: Progress | None,
) -> dict[str, CoverageRecord]:
    """What each test of the suites executes, by the suite's name, in their order. Raises TestsError."""
    with probe_build(code) as probes:
        return {
            suite.name: collect(
                suite.command,
                cwd=suite.cwd,
                package=package,
                environment=target.run_environment(),
                timeout=timeout,
                probes=probes,
                on_progress=of_stage(progress, suite.name),
            )
            for suite in suites
        }
