"""What verify found: a verdict for each feature of a plan, and the evidence that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median

from .coverage import Outcome
from .package import Package
from .plan import HookPlan, Side


class Standing(StrEnum):
    """What a difference between the runs with and without hooks counts for.

    A ``fault`` came a second time and fails the verdict; ``flaky`` tests differ now and then, or from themselves without any
    hook; an ``incidental`` difference is due to when garbage was collected.
    """

    FAULT = "fault"
    FLAKY = "flaky"
    INCIDENTAL = "incidental"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A test (empty: the command as a whole) that ended or warned otherwise with hooks than without; ``what`` says how."""

    command: str
    test: str
    what: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun:
    """One command on the metered package and on the untouched code: ``seconds`` is CPU time, children included, of all
    attempts; the exit codes are those of the first. ``output``: the last lines with hooks, if it ended otherwise without."""

    command: str
    exit_code: int
    seconds: float
    untouched_exit_code: int
    untouched_seconds: float
    attempts: int
    output: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEvidence:
    """One test: what it was taken for, whether it had to fire, how it ended without hooks (``before``) and with them
    (``after``; None: it did not run), and how many uses each hook counted."""

    __test__ = False

    id: str
    side: Side
    must_fire: bool
    before: Outcome | None
    after: Outcome | None
    fires: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TestGroup:
    """The feature's tests, or the rest: ``fired`` of ``total`` used the feature.

    ``odd`` are the ids of those that should have and did not, or did and should not have; ``excused`` those that need not;
    ``uses`` are the uses of each that fired, ``several_hooks`` the hooks of each that fired more than one.
    """

    __test__ = False

    total: int
    fired: int
    odd: tuple[str, ...]
    uses: Mapping[str, int]
    excused: tuple[str, ...] = ()
    several_hooks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def repeated(self) -> dict[str, int]:
        """The tests that count more than one use."""
        return {test: count for test, count in self.uses.items() if count > 1}

    @property
    def spread(self) -> tuple[int, float, int] | None:
        """The fewest, the median and the most uses of a test that fired; None if none did."""
        counts = self.uses.values()
        return (min(counts), median(counts), max(counts)) if counts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether the hooks of one feature tell it from the rest and change nothing else; ``reasons`` says why not.

    ``plan_digest`` is that of the plan in force, ``plan_parts`` what it consists of (``pipeline/proof/plan_parts.py``).
    ``made_for`` is the version that the hooks were made for, if another one is installed. ``rest_suites``: the plan's own rest,
    and the features that it is told apart from. ``failing_anyway`` are the tests that fail with hooks and without.
    """

    package: Package
    plan: HookPlan
    plan_digest: str
    passed: bool
    feature: TestGroup
    rest: TestGroup
    with_suite: SuiteRun
    rest_suites: tuple[SuiteRun, ...]
    tests: tuple[TestEvidence, ...]
    differences: tuple[Difference, ...]
    failing_anyway: tuple[str, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    plan_parts: Mapping[str, str] = field(default_factory=dict)
    made_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenFile:
    """One hooked .pyc as it lay there: SHA-256 of the source, of the file, and of its code whatever folder it lies in."""

    source: str
    optimization: int
    source_digest: str
    digest: str
    code_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """Whether stripping one package gives the originals back, and instrumenting it again the same bytes as before.

    ``files`` are what the hooks lie in; ``problems`` are sentences, empty if all is well.
    """

    package: Package
    files: tuple[ProvenFile, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """All of a plan: a verdict for each feature, each distinct command once, a round trip for each package.

    The evidence lies at ``evidence_path``; ``evidence_digest`` is the SHA-256 of that file. ``kept_path`` is where the evidence
    that lay there before is kept, if it proves what this does not. ``cost`` is the CPU time of the
    suites with hooks over that without; None where there is too little to compare.
    """

    plan_path: Path
    verdicts: tuple[Verdict, ...]
    suites: tuple[SuiteRun, ...]
    round_trips: tuple[RoundTrip, ...]
    cost: float | None
    evidence_path: Path
    evidence_digest: str
    kept_path: Path | None = None

    @property
    def passed(self) -> bool:
        """Whether every feature's verdict is."""
        return all(verdict.passed for verdict in self.verdicts)
