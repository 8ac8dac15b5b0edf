"""Runs a test file in a tree, in a process of its own, and reads what became of each test."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.frameworks.runs import ENDED, Run, read_lines, run_alone

from .trees import Tree


def run_file(tree: Tree, name: str, seconds: float) -> Run:
    """Run ``test.<name>`` in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="stdlib-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        out, work = home / "outcomes", home / "work"
        work.mkdir()
        # Frozen modules would be the ones that the interpreter brings, without hooks.
        command = [tree.python, "-X", "frozen_modules=off", tree.inside, out, f"test.{name}"]
        variables = {"PATH": os.environ.get("PATH", os.defpath)}
        ended, said = run_alone(command, cwd=work, home=home, variables=variables, seconds=seconds)
        return _read(out, f"test.{name}", ended, said)


def _read(out: Path, name: str, ended: str, said: str) -> Run:
    outcomes, details = {f"{name} (process)": ended}, {}
    if ended != ENDED:
        details[f"{name} (process)"] = said
    armed = fired = 0
    for row in read_lines(out):
        if "id" not in row:
            armed, fired = row["armed"], row["fired"]
            continue
        outcomes[row["id"]] = row["outcome"]
        if row["details"]:
            details[row["id"]] = row["details"]
    return Run(outcomes=outcomes, details=details, armed=armed, fired=fired)
