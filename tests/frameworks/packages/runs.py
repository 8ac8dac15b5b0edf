"""Runs a suite in one of its labs, in a process of its own, and reads what became of each test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.frameworks.cpython.runs import Run, end_of

from .environments import Lab, clean_variables


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRun(Run):
    """A run that also knows which hooks fired, by id."""

    used: frozenset[str] = frozenset()


def run_suite(lab: Lab, seconds: float) -> SuiteRun:
    """Run it alone in its process group, which is killed at the end."""
    with tempfile.TemporaryDirectory(prefix="packages-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        out, log = home / "outcomes", home / "log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [lab.python, *(["-P"] if lab.suite.safe_path else []), lab.recorder, out, *lab.suite.run],
                cwd=lab.tree,
                env=_variables(lab, home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            ended = _wait(child, seconds)
        return _read(out, lab.suite.name, ended, end_of(log))


def _variables(lab: Lab, home: Path) -> Mapping[str, str]:
    return clean_variables() | {
        "PATH": f"{lab.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "METERIZE_SPOOL": str(home / "spool"),
        "METERIZE_FLUSH_SECONDS": "2",
    }


def _wait(child: subprocess.Popen[bytes], seconds: float) -> str:
    try:
        code = child.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if code is None:
        return "timed out"
    return "ended" if code == 0 else f"exit code {code}" if code > 0 else f"killed by {signal.Signals(-code).name}"


def _read(out: Path, suite: str, ended: str, log: str) -> SuiteRun:
    """Test ids begin with the suite's name; ``<suite>: (process)`` stands for how the process ended."""
    outcomes, details = {f"{suite}: (process)": ended}, {f"{suite}: (process)": log}
    armed, fired = 0, frozenset[str]()
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:  # cut short by a crash
            continue
        if "id" not in row:
            armed, fired = row["armed"], frozenset(row["fired"])
            continue
        outcomes[f"{suite}: {row['id']}"] = row["outcome"]
        details[f"{suite}: {row['id']}"] = row["details"]
    return SuiteRun(outcomes=outcomes, details=details, armed=armed, fired=len(fired), used=fired)
