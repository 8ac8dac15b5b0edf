"""docs/json-output.md is a contract: the keys that it lists are the keys that each command prints, no more and no less."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import re
import shutil
from pathlib import Path

import pytest

from meterize.plan_file import read_plans, write_plans
from tests import spools

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json-output.md"
COMMANDS = ("analyze", "instrument", "status", "verify", "usage", "hooks", "strip")


def documented(section):
    """Paths such as ``packages[].files[].state`` from the table of a section."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")
    assert rest, f"no section {section}"
    paths = {"schema"}
    for line in rest.partition("\n## ")[0].splitlines():
        match = re.fullmatch(r"\| (`.+?`) \| (.+) \|", line)
        if match:
            shape = re.search(r"`(\[?)\{(.+?)\}\]?`", match[2])
            for name in re.findall(r"`([^`]+)`", match[1]):
                paths.add(name)
                if match[2] == "as in analyze":
                    paths |= {path for path in documented("analyze") if path.startswith(f"{name}.")}
                keys = re.findall(r'"(\w+)"', shape[2]) if shape else []
                paths |= {f"{name}{'[]' if shape and shape[1] else ''}.{key}" for key in keys}
    parents = {path[: at.start()] for path in paths for at in re.finditer(r"(\[\])?\.", path)}
    return {path.removesuffix("[]") for path in paths | parents}


def printed(value, at=""):
    """The same of an answer."""
    if isinstance(value, dict):
        here = {f"{at}.{key}".lstrip(".") for key in value}
        return here.union(*(printed(each, f"{at}.{key}".lstrip(".")) for key, each in value.items()))
    if isinstance(value, list):
        return set().union(*(printed(each, f"{at}[]") for each in value))
    return set()


ODD = """
import builtins, unittest
from greenhouse import Reading, forecast, plan_watering
DRY = Reading(bed='basil', hour=9, air=20, humidity=80, moisture=40)
class T(unittest.TestCase):
    def test_twice(self): [plan_watering([DRY], tank=9) for _ in range(2)]
    def test_both(self): plan_watering([DRY], tank=9), list(forecast([DRY]))
    def test_odd(self): self.assertFalse(hasattr(builtins, "__meterize__"))
"""


def _odd_plan(lab, path, plan_text):
    """Two features told apart by hand: one has another's place as a second hook, and a test that notices that."""
    (lab.work / "test_odd.py").write_text(ODD)
    plans = {}
    for feature in ("irrigation", "forecast", "stations"):
        (lab.work / "odd.toml").write_text(plan_text(feature))
        [plans[feature]] = read_plans(lab.work / "odd.toml")
    lab.ask("instrument", lab.work / "odd.toml", "--policy", "every")
    own, theirs = plans["irrigation"].hook_points, plans["forecast"].hook_points[0]
    odd = dataclasses.replace(
        plans["irrigation"],
        with_command="python -m unittest test_odd",
        cwd=str(lab.work),
        hook_points=(*own, dataclasses.replace(theirs, id=own[0].id[:-1] + "2", covers=())),
    )
    write_plans([odd], lab.work / "odd.toml")
    lab.ask("instrument", lab.work / "odd.toml", "--policy", "every")
    write_plans([dataclasses.replace(odd, against=("stations",)), plans["stations"]], lab.work / "odd.toml")
    return lab.work / "odd.toml"


@pytest.fixture(scope="module")
def answers(workshop, tmp_path_factory, make_lab, plan_text):
    """Every command's answers in situations that between them fill every list."""
    lab = make_lab(workshop, tmp_path_factory.mktemp("answers") / "lab")
    found = {name: [] for name in COMMANDS}
    plan = lab.work / "greenhouse.irrigation.plan.toml"
    for _ in ("run", "kept"):
        analyzed = lab.analyze("irrigation", "--json", XDG_CACHE_HOME=str(lab.root / "cache"))
        found["analyze"].append(analyzed.json())
    found["instrument"].append(lab.ask("instrument", plan, "--policy", "every", "--dry-run"))
    found["instrument"].append(lab.ask("instrument", plan, "--policy", "every"))
    found["status"].append(lab.ask("status", code=1, PYTHONPYCACHEPREFIX=str(lab.root / "elsewhere")))
    found["verify"].append(lab.ask("verify", plan))
    found["verify"] += lab.ask("verify", _odd_plan(lab, plan, plan_text), code=1)["features"]
    lab.spool.mkdir(exist_ok=True)
    shutil.rmtree(lab.spool, ignore_errors=True)
    lab.spool.mkdir()
    names = [
        spools.hook(package="greenhouse", feature="irrigation"),
        spools.subject(2, "north"),
        spools.loss("not-armed", 1, "greenhouse"),
        spools.loss("no-room", 1, "metered-elsewhere"),
        {},
    ]
    uses, _ = spools.write(lab.spool, {(0, 2): 1}, names, flags=2)
    os.utime(uses, (time := spools.MADE.timestamp() + 60, time))
    found["usage"].append(lab.ask("usage"))
    found["status"].append(lab.ask("status"))
    with uses.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        found["hooks"].append(lab.ask("hooks"))
    [hooked] = (lab.site / "greenhouse" / "__pycache__").glob("irrigation.*opt-2.pyc")
    hooked.write_bytes(b"somebody else's")
    found["strip"].append(lab.ask("strip", "greenhouse", code=1))
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_keys_are_the_printed_keys(answers, command):
    keys = set().union(*map(printed, answers[command]))
    assert keys == documented(command)


def test_the_page_is_read_in_depth():
    assert {"packages", "packages[].files[].state", "packages[].notices[].slug"} <= documented("status")
    assert {"suites.with.exit_code", "feature_tests.silent"} <= documented("verify")


def test_what_the_answers_say(answers):
    analyzed, _ = answers["analyze"]
    assert analyzed["package"] == {"name": "greenhouse", "distribution": "greenhouse", "version": "1.0.0"}
    assert [point["file"] for point in analyzed["hook_points"]] == ["greenhouse/irrigation.py"]
    assert set(analyzed["hook_points"][0]["covers"]) == set(analyzed["selection"]["feature_tests"])
    assert analyzed["slice"]["functions"] == sorted(analyzed["slice"]["functions"], key=lambda each: -each["unique"])
    assert sum(each["unique"] for each in analyzed["slice"]["functions"]) == analyzed["slice"]["union"]
    status, later = answers["status"]
    assert status["unmetered"] == []
    assert [lost["reason"] for lost in later["unmetered"]] == ["not-armed"]
    assert [notice["slug"] for notice in status["packages"][0]["notices"]] == ["pycache-prefix"]
    [usage] = answers["usage"]
    assert usage["uses"] == [
        {
            "package": "greenhouse",
            "feature": "irrigation",
            "subject": "north",
            "host": "h",
            "at": None,
            "uses": 1,
            "before": None,
            "processes": 1,
            "since": "2026-01-01T00:00:00Z",
            "until": "2026-01-01T00:01:00Z",
        }
    ]
    [hooks] = answers["hooks"]
    [[hook]] = [process["hooks"] for process in hooks["processes"]]
    assert (hook["state"], hook["uses"]) == ("counting", 1)
    [stripped] = answers["strip"]
    assert [left["file"].rpartition(".")[0].endswith("opt-2") for left in stripped["packages"][0]["left"]] == [True]


def test_errors_are_objects_too(quick):
    known = {
        line.removeprefix("### ").strip("`") for line in (PAGE.parent / "errors.md").read_text(encoding="utf-8").splitlines()
    }
    block = re.search(r"```json\n(.+?)\n```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    keys = printed(json.loads(block[1]))
    lines = {
        "no-such-package": (4, ["strip", "nothing"]),
        "not-metered": (4, ["strip", "greenhouse"]),
        "plan-not-found": (2, ["instrument", "nowhere.toml"]),
        "usage": (2, ["analyze", "greenhouse", "--feature"]),
        "bad-feature-name": (2, ["analyze", "greenhouse", "--feature", "", "--with", "true", "--without", "true"]),
        "suite-failed": (3, ["analyze", "greenhouse", "--feature", "x", "--with", "false", "--without", "false"]),
    }
    for slug, (code, words) in lines.items():
        ran = quick(*words, "--json")
        assert (ran.code, ran.err) == (code, ""), ran
        assert printed(ran.json()) == keys
        assert ran.json()["error"]["slug"] == slug
        assert slug in known
    # Wherever it stands, and whatever is wrong on the line.
    assert quick("--json", "strip").json()["error"]["slug"] == "usage"
    assert quick("strip", "--json", "--nonsense").json()["error"]["slug"] == "usage"
