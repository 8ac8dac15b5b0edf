"""``meterize verify``: both suites again, with hooks and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from meterize.model.verdict import RoundTrip, SuiteRun, TestGroup, Verdict, Verification
from meterize.pipeline.proof.verify import verify as check
from meterize.pipeline.target import Target

from . import output
from .completion import complete_plans
from .options import timeout_option
from .verdict import show

FINDINGS = 1


@click.command()
@click.argument("plan", type=click.Path(dir_okay=False, path_type=Path), shell_complete=complete_plans)
@click.option(
    "--evidence", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write the evidence here [beside PLAN: NAME.verdict.json].",
)  # fmt: skip
@click.option("--feature", "features", multiple=True, metavar="NAME",
              help="Only this feature of PLAN; may be given several times.  [default: all]")  # fmt: skip
@timeout_option
@output.json_option
@click.pass_obj
def verify(
    target: Target, plan: Path, evidence: Path | None, features: tuple[str, ...], timeout: float | None, as_json: bool
) -> int:
    """Prove PLAN on the metered package: every feature test fires, no rest test does, and nothing else changes.

    Both suites run with hooks, and without them on the original code, which only their own processes see. Then hooks come out
    and go in again, on a copy of the files. The verdict and what it rests on are kept beside the plan. The tests' uses are
    counted apart and never reach a bill. Exit code 1 if a verdict is "failed".

    \b
    Example:
      meterize verify tablib.xlsx.plan.toml
    """
    with output.progress(as_json=as_json) as progress:
        found = check(plan, target=target, features=features, evidence=evidence, timeout=timeout, progress=progress)
    if as_json:
        output.print_json(as_mapping(found))
    else:
        show(found)
    return 0 if found.passed else FINDINGS


def as_mapping(found: Verification) -> dict[str, Any]:
    """The JSON answer: one feature's as it is, several in a list."""
    trips = {trip.package.distribution: trip for trip in found.round_trips}
    features = [_feature(verdict, trips[verdict.package.distribution]) for verdict in found.verdicts]
    return {
        "verdict": _word(found.passed),
        "plan": str(found.plan_path),
        "cost": found.cost,
        "evidence": {
            "path": str(found.evidence_path),
            "digest": found.evidence_digest,
            "kept": None if found.kept_path is None else str(found.kept_path),
        },
        **(features[0] if len(features) == 1 else {"features": features}),
    }


def _word(passed: bool) -> str:
    return "passed" if passed else "failed"


def _feature(verdict: Verdict, trip: RoundTrip) -> dict[str, Any]:
    own = bool(verdict.plan.without_command)
    return {
        "verdict": _word(verdict.passed),
        "package": {
            "name": verdict.plan.package,
            "distribution": verdict.package.distribution,
            "version": verdict.package.version,
        },
        "feature": verdict.plan.feature,
        "feature_tests": {**_group(verdict.feature, "silent"), **_uses(verdict.feature)},
        "rest_tests": _group(verdict.rest, "firing"),
        "suites": {
            "with": _suite(verdict.with_suite),
            "without": _suite(verdict.rest_suites[0]) if own else None,
            "against": [_suite(suite) for suite in verdict.rest_suites[own:]],
        },
        "tests": [
            {
                "id": test.id,
                "side": test.side.value,
                "must_fire": test.must_fire,
                "before": test.before and test.before.value,
                "after": test.after and test.after.value,
                "fires": [{"hook": hook, "uses": uses} for hook, uses in sorted(test.fires.items())],
            }
            for test in verdict.tests
        ],
        "differences": [
            {"command": each.command, "test": each.test, "what": each.what, "standing": each.standing.value}
            for each in verdict.differences
        ],
        "failing_anyway": list(verdict.failing_anyway),
        "round_trip": {"identical": not trip.problems, "files": len(trip.files), "problems": list(trip.problems)},
        "reasons": list(verdict.reasons),
        "warnings": list(verdict.warnings),
    }


def _group(group: TestGroup, odd: str) -> dict[str, Any]:
    return {"total": group.total, "fired": group.fired, odd: list(group.odd)}


def _uses(group: TestGroup) -> dict[str, Any]:
    least, median, most = group.spread or (None, None, None)
    return {
        "excused": list(group.excused),
        "uses": {"least": least, "median": median, "most": most},
        "repeated": [{"test": test, "uses": uses} for test, uses in group.repeated.items()],
        "several_hooks": [{"test": test, "hooks": list(hooks)} for test, hooks in group.several_hooks.items()],
    }


def _suite(suite: SuiteRun) -> dict[str, Any]:
    return {
        "command": suite.command,
        "exit_code": suite.exit_code,
        "passed": suite.exit_code == 0,
        "seconds": suite.seconds,
        "untouched_exit_code": suite.untouched_exit_code,
        "untouched_seconds": suite.untouched_seconds,
        "attempts": suite.attempts,
        "output": list(suite.output),
    }
