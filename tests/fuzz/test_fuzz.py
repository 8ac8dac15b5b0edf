"""A small run of what `make fuzz` does, and what it rests on: programs run, differ from each other, and failures are seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fuzz import trial, wild
from tests.fuzz.__main__ import Tally, replay, run, run_structured, run_wild, store

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def away_from_home(tmp_path, monkeypatch):
    """Uses go to a spool of their own, failures to a folder of their own."""
    monkeypatch.setenv("METERIZE_SPOOL", str(tmp_path / "spool"))
    monkeypatch.setattr("tests.fuzz.__main__.FOLDER", tmp_path)


def test_hooks_change_nothing_in_programs_made_at_random():
    (_, tally) = next(iter(run(24, first_seed=4)))
    assert [finding for _, finding in tally.failures] == []
    assert tally.programs >= 24
    # They run: most are compared, and of the hooks in them a good part is passed.
    assert sum(tally.skipped.values()) < tally.programs / 5
    assert tally.fired > tally.hooks / 5 > 50


def test_a_seed_makes_the_same_programs():
    assert [wild.write(seed) for seed in range(5)] == [wild.write(seed) for seed in range(5)]
    first, again = Tally(), Tally()
    for tally in (first, again):
        run_structured(3, 2, tally)
        run_wild(3, 1, tally)
    assert first == again


BROKEN = """
def f(a):
    total = 1000
    for i in range(3):
        total += i
    return total
CASES = [lambda: f(1)]
"""


def broken_by(monkeypatch, change):
    """What the trial says if rewriting hands out changed code."""
    real = trial._hook

    def hook(code, requests):
        hooked = real(code, requests)
        return hooked.replace(co_consts=tuple(change(c) if getattr(c, "co_name", "") == "f" else c for c in hooked.co_consts))

    monkeypatch.setattr(trial, "_hook", hook)
    return trial.try_program(BROKEN)


def test_another_result_is_seen(monkeypatch, tmp_path, capsys):
    def change(code):
        return code.replace(co_consts=tuple(1009 if const == 1000 else const for const in code.co_consts))

    verdict = broken_by(monkeypatch, change)
    assert (verdict.kind, verdict.is_failure) == ("different", True)
    assert "untouched 1003\n  hooked    1012" in verdict.finding
    path, finding = store(BROKEN, verdict)
    assert finding == f"different: {verdict.finding}"
    assert f"--replay .fuzz/{path.name}" in path.with_suffix(".txt").read_text()
    assert replay([path]) == 1
    assert str(path) in capsys.readouterr().out


def test_a_line_that_is_lost_is_seen(monkeypatch):
    verdict = broken_by(monkeypatch, lambda code: code.replace(co_firstlineno=code.co_firstlineno + 1))
    assert verdict.kind == "different"
    assert "event" in verdict.finding


@pytest.mark.parametrize(
    ("body", "kind", "finding"),
    [
        ("x = ", "skipped", "not compiled"),
        ("while True: pass", "skipped", "too long"),
        ("def f(): f()\nCASES = [f]", "skipped", "recursion"),
        ("import os; print(os.urandom(9))", "skipped", "unlike itself"),
        ("import os; os._exit(3)", "skipped", "stopped"),
        ("sum(iter(int, 1))", "skipped", "endless"),
    ],
)
def test_programs_that_cannot_be_compared_are_skipped(body, kind, finding, monkeypatch):
    monkeypatch.setattr(trial, "SECONDS", 0.5)
    verdict = trial.try_program(body)
    found = verdict.finding.partition(":")[0]
    # Whether a loop is stopped from within or the process is ended from outside is a race that 3.11 decides the other way.
    found = finding if {found, finding} == {"too long", "endless"} else found
    assert (verdict.kind, found) == (kind, finding)


@pytest.mark.parametrize(("harm", "kind"), [("import os; os.abort()", "crashed"), ("while True: pass", "endless")])
def test_a_crash_and_a_hang_of_hooked_programs_are_seen(monkeypatch, harm, kind):
    real = trial.load_pyc
    monkeypatch.setattr(trial, "SECONDS", 0.2)
    monkeypatch.setattr(trial, "load_pyc", lambda data: (real(data), compile(harm, "harm.py", "exec"))[1])
    verdict = trial.try_program(BROKEN)
    assert (verdict.kind, verdict.is_failure) == (kind, True)
    assert "without a runtime" in verdict.finding


def test_the_command_line(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz", "--programs", "6", "--seed", "5", "--from-batch", "2"]
    home = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, env=home)
    assert done.returncode == 0, done.stderr
    first, *progress = done.stdout.splitlines()
    assert first.startswith("seed 5, CPython 3.")
    assert progress[-1].startswith("batch 3: 6 programs")
