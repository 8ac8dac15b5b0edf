"""Several recorded suites as the one rest of a feature."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from meterize.model.coverage import CoverageRecord, unite


def leave_out(run: CoverageRecord, own: CoverageRecord) -> CoverageRecord:
    """Another feature's run without the tests that are the feature's too: they use both."""
    mine = {test.id for test in own.tests}
    return dataclasses.replace(run, tests=tuple(test for test in run.tests if test.id not in mine))


def merge(runs: Sequence[CoverageRecord]) -> CoverageRecord:
    """Several runs as one."""
    if len(runs) == 1:
        return runs[0]
    return dataclasses.replace(
        runs[0],
        command=" && ".join(f"({run.command})" for run in runs),
        tests=tuple(test for run in runs for test in run.tests),
        outside=unite(run.outside for run in runs),
        exit_code=next((run.exit_code for run in runs if run.exit_code), 0),
        kept_at=min((run.kept_at for run in runs if run.kept_at is not None), default=None),
        seconds=sum(run.seconds for run in runs),
        warnings=tuple(dict.fromkeys(warning for run in runs for warning in run.warnings)),
    )
