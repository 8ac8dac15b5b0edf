"""A second analyze need not run the suites: the same plan, byte for byte, and it says so."""

from __future__ import annotations

import shutil
import time

import pytest

KEPT = "did not run: nothing seems to have changed since it did, on "


@pytest.fixture
def analyze(lab, tmp_path):
    """Analyze the greenhouse, with suites of this test's own and a cache; returns the answer and the plan."""
    shutil.copytree(lab.suite, tmp_path / "suite")
    lab.suite = tmp_path / "suite"

    def ask(*options):
        plan = lab.work / "it.plan.toml"
        ran = lab.analyze("irrigation", "--json", "--plan", plan, *options, XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert ran.code == 0, ran
        return ran.json(), plan.read_bytes()

    return ask


def test_the_same_plan_without_running(lab, analyze, tmp_path):
    answer, plan = analyze()
    assert not any(KEPT in warning for warning in answer["warnings"])
    assert len(list((tmp_path / "cache/meterize/runs").iterdir())) == 2

    began = time.monotonic()
    again, same_plan = analyze()
    took = time.monotonic() - began
    assert same_plan == plan
    told = [warning for warning in again["warnings"] if KEPT in warning]
    assert sorted(warning.split()[0] for warning in told) == ["'with'", "'without'"]
    assert time.strftime("%Y-") in told[0]
    assert took < 60

    other, other_plan = analyze("--charge", "on-success")
    assert other_plan != plan
    assert len([warning for warning in other["warnings"] if KEPT in warning]) == 2

    fresh, fresh_plan = analyze("--no-cache")
    assert fresh_plan == plan
    assert not any(KEPT in warning for warning in fresh["warnings"])


def test_what_changed_runs_again(lab, analyze):
    analyze()
    with (lab.suite / "test_irrigation.py").open("a") as file:
        file.write("\n# changed\n")
    answer, _ = analyze()
    assert not any(KEPT in warning for warning in answer["warnings"])


def test_a_damaged_run_is_run_again(lab, analyze, tmp_path):
    _, plan = analyze()
    for path in (tmp_path / "cache/meterize/runs").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    answer, same_plan = analyze()
    assert same_plan == plan
    assert not any(KEPT in warning for warning in answer["warnings"])


def test_one_after_the_other_or_at_once(lab, analyze):
    _, plan = analyze("--no-cache", "--jobs", "1")
    _, same_plan = analyze("--no-cache", "--jobs", "2")
    assert same_plan == plan
