"""Each benchmark runs and prints its tables. What they say is for people: nothing here looks at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
ROWS = {
    "hooks": [["tight loop", "tightest loop", "small function's entry", "every block"]],
    "counting": [
        ["meterize, policy every", "decorator, dict", "prometheus inc", "opentelemetry add"],
        ["meterize, policy every", "meterize, nobody named", "decorator, dict", "prometheus inc, labels"],
    ],
    "analyze": [["greenhouse"]],
    "instrument": [["1 of 2", "1 of 20", "2 of 20"]],
    "policies": [["every", "first=999999999", "once", "once-per-subject", "once-per-window=1d"]],
    "imports": [["unmetered", "1 of 100 modules hooked, once"], ["import meterize_hooks"]],
}


def run(name: str, *options: str) -> str:
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "METERIZE_", "COV"))}
    done = subprocess.run(
        [sys.executable, BENCHMARKS / f"{name}.py", "--quick", *options],
        env=variables | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_tables(name: str, answer: dict[str, Any]) -> None:
    assert answer["benchmark"] == name
    assert len(answer["tables"]) == len(ROWS[name])
    for table, wanted in zip(answer["tables"], ROWS[name], strict=True):
        rows = {next(iter(row.values())): list(row.values())[1:] for row in table["rows"]}
        assert set(wanted) <= set(rows), table["title"]
        figures = [cell["median"] for cells in rows.values() for cell in cells if isinstance(cell, dict)]
        assert len(figures) >= len(wanted) - 2  # a library to compare with may not be installed
        assert all(isinstance(figure, float) for figure in figures)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_prints_its_tables(name: str) -> None:
    check_tables(name, json.loads(run(name, "--json")))


def test_a_table_for_eyes_names_the_interpreter() -> None:
    shown = run("instrument")
    assert "instrument" in shown
    assert "CPython" in shown


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_counts_machine_instructions() -> None:
    (table,) = json.loads(run("counting", "--callgrind", "--json"))["tables"]
    (row,) = table["rows"]
    assert float(row["added"]) > 0
