"""Runs the commands of a plan twice each, with hooks and without: every distinct command once, whoever asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from meterize.model.coverage import FireRecord
from meterize.model.package import Package
from meterize.model.verdict import Difference, SuiteRun
from meterize.pipeline.progress import Progress, end_stage, of_stage
from meterize.pipeline.target import Target
from meterize.testruns import Originals, count_fires

from .comparison import classify, compare


@dataclass(slots=True, kw_only=True)
class Pair:
    """One command: (untouched, metered) of each attempt, and what became of the differences."""

    attempts: list[tuple[FireRecord, FireRecord]] = field(default_factory=list)
    differences: tuple[Difference, ...] = ()

    def suite(self) -> SuiteRun:
        """The command as a whole."""
        untouched, metered = self.attempts[0]
        return SuiteRun(
            command=metered.command,
            exit_code=metered.exit_code,
            seconds=sum(each.seconds for _, each in self.attempts),
            untouched_exit_code=untouched.exit_code,
            untouched_seconds=sum(each.seconds for each, _ in self.attempts),
            attempts=len(self.attempts),
            output=metered.output if metered.exit_code != untouched.exit_code else (),
        )


class SuitePairs:
    """The commands of one package, run when they are first asked for."""

    def __init__(
        self, package: Package, originals: Originals, target: Target, timeout: float | None, progress: Progress | None
    ) -> None:
        self._package = package
        self._originals = originals
        self._target = target
        self._timeout = timeout
        self._progress = progress
        self._pairs: dict[tuple[str, str], Pair] = {}

    def suites(self) -> tuple[SuiteRun, ...]:
        """All that have run, in their order."""
        return tuple(pair.suite() for pair in self._pairs.values())

    def pair(self, command: str, cwd: str, stage: str) -> Pair:
        """Both runs of ``command`` in ``cwd``, and both again if they differ. Raises TestsError, UsageError."""
        key = (command, cwd)
        if key not in self._pairs:
            pair = self._pairs[key] = Pair()
            # Which goes first alternates: the first finds colder caches, and the second what the first left lying about.
            metered_first = len(self._pairs) % 2 == 0
            self._attempt(pair, command, cwd, stage, metered_first=metered_first)
            if any(found.judged for found in compare(*pair.attempts[0]).values()):
                self._attempt(pair, command, cwd, f"{stage}, again", metered_first=not metered_first)
            pair.differences = classify(command, pair.attempts)
        return self._pairs[key]

    def _attempt(self, pair: Pair, command: str, cwd: str, stage: str, *, metered_first: bool) -> None:
        if metered_first:
            metered = self._run(command, cwd, stage, None)
            untouched = self._run(command, cwd, f"{stage}, untouched", self._originals)
        else:
            untouched = self._run(command, cwd, f"{stage}, untouched", self._originals)
            metered = self._run(command, cwd, stage, None)
        pair.attempts.append((untouched, metered))

    def _run(self, command: str, cwd: str, stage: str, originals: Originals | None) -> FireRecord:
        fires = count_fires(
            command,
            cwd=Path(cwd),
            package=self._package,
            environment=self._target.run_environment(),
            timeout=self._timeout,
            on_progress=of_stage(self._progress, stage),
            originals=originals,
        )
        end_stage(self._progress, stage)
        return fires
