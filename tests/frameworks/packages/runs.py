"""Runs a suite in one of its labs, in a process of its own, and reads what became of each test."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.frameworks.runs import Run, read_lines, run_alone

from .environments import Lab, clean_variables


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun(Run):
    """A run that also knows which hooks fired, by id."""

    used: frozenset[str] = frozenset()


def run_suite(lab: Lab, seconds: float) -> SuiteRun:
    """Run it where its tests are."""
    with tempfile.TemporaryDirectory(prefix="packages-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        out = home / "outcomes"
        command = [lab.python, *(["-P"] if lab.suite.safe_path else []), lab.recorder, out, *lab.suite.run]
        path = f"{lab.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        variables = {**clean_variables(), "PATH": path}
        ended, said = run_alone(command, cwd=lab.tree, home=home, variables=variables, seconds=seconds)
        return read_run(out, lab, ended, said)


def read_run(out: Path, lab: Lab, ended: str, said: str) -> SuiteRun:
    """Test ids begin with the suite's name; ``<suite>: (process)`` stands for how the process ended.

    Paths in parameters of tests are those of the lab, which is another one in each way: they are cut.
    """
    suite = lab.suite.name
    outcomes, details = {f"{suite}: (process)": ended}, {f"{suite}: (process)": said}
    armed, fired = 0, frozenset[str]()
    for row in read_lines(out):
        if "id" not in row:
            armed, fired = row["armed"], frozenset(row["fired"])
            continue
        test = f"{suite}: {row['id'].replace(str(lab.folder), '…')}"
        outcomes[test], details[test] = row["outcome"], row["details"]
    return SuiteRun(outcomes=outcomes, details=details, armed=armed, fired=len(fired), used=fired)
