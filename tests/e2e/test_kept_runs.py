"""A second analyze need not run the suites: the same plan, byte for byte, and it says so."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime

import pytest


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
    assert answer["kept_runs"] == []
    assert len(list((tmp_path / "cache/meterize/runs").iterdir())) == 2

    began = time.monotonic()
    again, same_plan = analyze()
    took = time.monotonic() - began
    assert same_plan == plan
    assert sorted(kept["suite"] for kept in again["kept_runs"]) == ["with", "without"]
    for kept in again["kept_runs"]:
        assert abs((datetime.now(UTC) - datetime.fromisoformat(kept["time"])).total_seconds()) < 300
    assert took < 60

    other, other_plan = analyze("--charge", "on-success")
    assert other_plan != plan
    assert len(other["kept_runs"]) == 2

    fresh, fresh_plan = analyze("--no-cache")
    assert fresh_plan == plan
    assert fresh["kept_runs"] == []


def test_what_changed_runs_again(lab, analyze):
    analyze()
    with (lab.suite / "test_irrigation.py").open("a") as file:
        file.write("\n# changed\n")
    answer, _ = analyze()
    assert answer["kept_runs"] == []


def test_what_the_tool_writes_beside_the_tests_changes_nothing(lab, analyze):
    asked = ("--html", lab.suite / "what.html", "--data", lab.suite / "what ran")
    assert analyze(*asked)[0]["kept_runs"] == []
    assert len(analyze(*asked)[0]["kept_runs"]) == 2


def test_a_damaged_run_is_run_again(lab, analyze, tmp_path):
    _, plan = analyze()
    for path in (tmp_path / "cache/meterize/runs").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    answer, same_plan = analyze()
    assert same_plan == plan
    assert answer["kept_runs"] == []


def test_one_after_the_other_or_at_once(lab, analyze):
    _, plan = analyze("--no-cache", "--jobs", "1")
    _, same_plan = analyze("--no-cache", "--jobs", "2")
    assert same_plan == plan


def test_a_person_is_told(lab, tmp_path):
    for times in (0, 2):
        ran = lab.analyze("irrigation", XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert ran.code == 0, ran
        assert ran.out.count(" did not run now: it is taken from its run of ") == times, ran
    assert ran.out.count(" UTC, since which nothing seems to have changed (--no-cache runs it again)") == 2
    assert "warning" not in ran.err
