"""The suites of features, run under collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Final

from meterize.errors import TestsError
from meterize.model.coverage import CoverageRecord
from meterize.model.feature import Feature
from meterize.model.package import Package
from meterize.model.running import Running
from meterize.pipeline.progress import Progress, end_stage, of_stage
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target
from meterize.testruns import ProbeBuild, Stopped, collect

from .lanes import cores, work_at_once
from .memory import Memory
from .probes import probe_build
from .stability import take_together

AS_USUAL: Final = Running()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One command that runs tests in ``cwd``; ``name`` is what progress and data files call it. ``order``: see ``collect``."""

    name: str
    command: str
    cwd: Path
    order: int = 0

    def in_orders(self, count: int) -> list[Suite]:
        """This suite as it is, and in so many other orders."""
        others = (replace(self, name=f"{self.name}, order {order}", order=order) for order in range(1, count + 1))
        return [self, *others]


def run_suites(
    package: Package,
    code: PackageCode,
    feature: Feature,
    target: Target,
    timeout: float | None,
    progress: Progress | None,
    running: Running = AS_USUAL,
) -> dict[str, CoverageRecord]:
    """What each test of both commands executes, as ``without`` and ``with``; ``timeout`` bounds each suite, in seconds.

    Raises TestsError.
    """
    # The rest goes first: what both import lazily then belongs to it.
    without = Suite(name="without", command=feature.without_command, cwd=feature.cwd)
    with_ = Suite(name="with", command=feature.with_command, cwd=feature.cwd)
    return run_all(package, code, [without, with_], target, timeout, progress, running)


def run_all(
    package: Package,
    code: PackageCode,
    suites: Sequence[Suite],
    target: Target,
    timeout: float | None,
    progress: Progress | None,
    running: Running = AS_USUAL,
) -> dict[str, CoverageRecord]:
    """What each test of the suites executes, by the suite's name, in their order: from an earlier run if nothing has changed.

    Raises TestsError.
    """
    attempts = [attempt for suite in suites for attempt in suite.in_orders(running.stability)]
    fingerprinted = {one.name: (f"{one.command} order={one.order}", one.cwd) for one in attempts} if running.cache else {}
    memory = Memory(package, target, fingerprinted)
    missing = [attempt for attempt in attempts if attempt.name not in memory.known]
    if missing:
        with probe_build(code) as probes:
            run = partial(_collect, package, target, timeout, progress, probes, running.allow_failures)
            ran, disturbed = _run(missing, running.jobs or cores(), run)
        for name, record in ran.items():
            if name not in disturbed and record.exit_code == 0:
                memory.keep(name, record)
        memory.known.update(ran)
    if not running.stability:
        return {suite.name: memory.known[suite.name] for suite in suites}
    return {
        suite.name: take_together(suite.name, [memory.known[each.name] for each in suite.in_orders(running.stability)])
        for suite in suites
    }


def _collect(
    package: Package,
    target: Target,
    timeout: float | None,
    progress: Progress | None,
    probes: ProbeBuild | None,
    allow_failures: bool,
    suite: Suite,
    stop: Event | None = None,
) -> CoverageRecord:
    record = collect(
        suite.command,
        cwd=suite.cwd,
        package=package,
        environment=target.run_environment(),
        timeout=timeout,
        probes=probes,
        on_progress=of_stage(progress, suite.name),
        stop=stop,
        order=suite.order,
        allow_failures=allow_failures,
    )
    end_stage(progress, suite.name)
    return record


def _run(
    suites: Sequence[Suite], jobs: int, run: Callable[..., CoverageRecord]
) -> tuple[dict[str, CoverageRecord], tuple[str, ...]]:
    """At the same time, if so many jobs are allowed; what fails like that is tried again alone, and named."""
    done: dict[str, CoverageRecord] = {}
    disturbed: tuple[str, ...] = ()
    if jobs > 1 and len(suites) > 1:
        lanes = work_at_once({suite.name: partial(run, suite) for suite in suites}, jobs)
        done, disturbed = lanes.done, tuple(lanes.failed)[:1]
        for error in lanes.failed.values():
            if not isinstance(error, Stopped) and not _may_be_disturbance(error):
                raise error
    for suite in sorted(suites, key=lambda suite: suite.name not in disturbed):
        if suite.name not in done:
            done[suite.name] = run(suite)
        if suite.name in disturbed:
            done[suite.name] = _warn_of_disturbance(done[suite.name], suite.name)
    return done, disturbed


def _may_be_disturbance(error: BaseException) -> bool:
    return isinstance(error, TestsError) and error.slug in {"suite-failed", "suite-timeout"}


def _warn_of_disturbance(record: CoverageRecord, name: str) -> CoverageRecord:
    warning = (
        f"--{name} failed while another suite ran at the same time, and passed alone: they share a port or files, so let them"
        " run one after the other (--jobs 1)"
    )
    return replace(record, warnings=(*record.warnings, warning))
