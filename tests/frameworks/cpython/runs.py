"""Runs a test file in a tree, in a process of its own, and reads what became of each test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from .trees import Tree

NOT_RUN = "not run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Outcomes by test id; ``(process)`` stands for how the process ended. ``details`` is of those that did not pass.

    ``armed`` and ``fired`` count hooks in the process that ran the tests, not in its children.
    """

    outcomes: dict[str, str]
    details: dict[str, str] = field(default_factory=dict)
    armed: int = 0
    fired: int = 0

    def outcome(self, test: str) -> str:
        return self.outcomes.get(test, NOT_RUN)


def run_file(tree: Tree, name: str, seconds: float) -> Run:
    """Run ``test.<name>`` in an empty folder, alone in its process group, which is killed at the end."""
    with tempfile.TemporaryDirectory(prefix="stdlib-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        (home / "work").mkdir()
        out, log = home / "outcomes", home / "log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                # Frozen modules would be the ones that the interpreter brings, without hooks.
                [tree.python, "-X", "frozen_modules=off", tree.inside, out, f"test.{name}"],
                cwd=home / "work",
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            ended = _wait(child, seconds)
        return _read(out, f"test.{name}", ended, end_of(log))


def _environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
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


def end_of(log: Path) -> str:
    """The last that a process said; from 3.14 on a crash ends with the C stack, which is long and says less."""
    return log.read_text(errors="replace").partition("Current thread's C stack trace")[0][-2500:]


def _read(out: Path, name: str, ended: str, log: str) -> Run:
    outcomes, details = {f"{name} (process)": ended}, {}
    if ended != "ended":
        details[f"{name} (process)"] = log
    armed = fired = 0
    for line in out.read_text().splitlines() if out.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:  # cut short by a crash
            continue
        if "id" not in row:
            armed, fired = row["armed"], row["fired"]
            continue
        outcomes[row["id"]] = row["outcome"]
        if row["details"]:
            details[row["id"]] = row["details"]
    return Run(outcomes=outcomes, details=details, armed=armed, fired=fired)
