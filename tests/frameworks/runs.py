"""Runs tests in a process of their own, and reads what became of each."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOT_RUN = "not run"
ENDED = "ended"
"""How a process ended that was neither stopped nor failed."""


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


def run_alone(
    command: Sequence[str | Path], *, cwd: Path, home: Path, variables: Mapping[str, str], seconds: float
) -> tuple[str, str]:
    """How the command ended and the last that it said; alone in its process group, which is killed at the end.

    ``home`` is the home folder and that for temporary files and spool, beside other ``variables``.
    """
    log = home / "log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env={**variables, **_homely(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ended = _wait(child, seconds)
    # From 3.14 on a crash ends with the C stack, which is long and says less.
    return ended, log.read_text(errors="replace").partition("Current thread's C stack trace")[0][-2500:]


def _homely(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "METERIZE_SPOOL": str(home / "spool"),
        "METERIZE_HOOK_LIMIT": "200000",
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
    return ENDED if code == 0 else f"exit code {code}" if code > 0 else f"killed by {signal.Signals(-code).name}"


def read_lines(out: Path) -> Iterator[dict[str, Any]]:
    """What a run wrote: ``id``, ``outcome`` and ``details`` of each test, and of the hooks ``armed`` and ``fired``."""
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else ():
        with contextlib.suppress(ValueError):  # cut short by a crash
            yield json.loads(line)
