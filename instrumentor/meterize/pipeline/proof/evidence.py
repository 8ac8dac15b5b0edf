"""What is written down of a verification: everything that a bill may be asked for, and no host's own paths."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from meterize import __version__
from meterize.cpython.versions import CACHE_TAG, RELEASE
from meterize.model.verdict import RoundTrip, SuiteRun, TestEvidence, Verdict, Verification


def describe(found: Verification, plan_file_digest: str) -> dict[str, Any]:
    """The content of the file (docs/evidence.md); ``plan_file_digest`` is the SHA-256 of the plan as it was read."""
    return {
        "tool": {"name": "meterize", "version": __version__},
        "time": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "interpreter": {"cache_tag": CACHE_TAG, "version": RELEASE},
        "verdict": _word(found.passed),
        "plan_file_digest": plan_file_digest,
        "commands": [_command(suite) for suite in found.suites],
        "cost": found.cost,
        "files": [file for trip in found.round_trips for file in _files(trip)],
        "round_trips": [
            {"distribution": trip.package.distribution, "identical": not trip.problems, "problems": list(trip.problems)}
            for trip in found.round_trips
        ],
        "features": [_feature(verdict) for verdict in found.verdicts],
    }


def _word(passed: bool) -> str:
    return "passed" if passed else "failed"


def _command(suite: SuiteRun) -> dict[str, Any]:
    return {
        "command": suite.command,
        "attempts": suite.attempts,
        "metered": {"exit_code": suite.exit_code, "seconds": round(suite.seconds, 3)},
        "untouched": {"exit_code": suite.untouched_exit_code, "seconds": round(suite.untouched_seconds, 3)},
    }


def _files(trip: RoundTrip) -> list[dict[str, Any]]:
    return [
        {
            "distribution": trip.package.distribution,
            "source": file.source,
            "optimization": file.optimization,
            "source_digest": file.source_digest,
            "digest": file.digest,
            "code_digest": file.code_digest,
        }
        for file in trip.files
    ]


def _feature(verdict: Verdict) -> dict[str, Any]:
    plan = verdict.plan
    return {
        "feature": plan.feature,
        "package": plan.package,
        "distribution": verdict.package.distribution,
        "version": verdict.package.version,
        "plan_digest": verdict.plan_digest,
        "plan": dict(verdict.plan_parts),
        "verdict": _word(verdict.passed),
        "reasons": list(verdict.reasons),
        "hooks": [point.id for point in plan.hook_points],
        "with": verdict.with_suite.command,
        "rest": [suite.command for suite in verdict.rest_suites],
        "differences": [
            {"command": each.command, "test": each.test, "what": each.what, "standing": each.standing.value}
            for each in verdict.differences
        ],
        "tests": [_test(test) for test in verdict.tests],
    }


def _test(test: TestEvidence) -> dict[str, Any]:
    return {
        "id": test.id,
        "side": test.side.value,
        "must_fire": test.must_fire,
        "before": test.before and test.before.value,
        "after": test.after and test.after.value,
        "fires": dict(test.fires),
    }
