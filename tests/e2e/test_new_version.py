"""A new version of a metered package: hooks whose code is what it was are kept, others are refused with a list."""

from __future__ import annotations

import json
import shlex
import shutil

import pytest

USE = {
    "irrigation": "from greenhouse import Reading, plan_watering\n"
    "def use(): plan_watering([Reading(bed='basil', hour=9, air=20, humidity=80, moisture=40)], tank=9)\n",
    "forecast": "from greenhouse import Reading, forecast\n"
    "day = [Reading(bed='b', hour=h, air=20 + h, humidity=80, moisture=40) for h in (8, 9)]\n"
    "def use(): list(forecast(day))\n",
}


@pytest.fixture(autouse=True)
def _briefly(lab, quick):
    lab.quick = quick


@pytest.fixture
def upgrade(lab):
    """Install version 1.1 over 1.0, with modules edited."""

    def install(**edits):
        [info] = lab.site.glob("greenhouse-1.0.0.dist-info")
        metadata = (info / "METADATA").read_text().replace("Version: 1.0.0", "Version: 1.1.0")
        (info / "METADATA").write_text(metadata)
        info.rename(info.with_name("greenhouse-1.1.0.dist-info"))
        for module, edit in edits.items():
            source = lab.site / "greenhouse" / f"{module}.py"
            source.write_text(edit(source.read_text()))

    return install


def moved(text):
    return "# Copyright by the gardeners.\n\n" + text


def other_water(text):
    changed = text.replace("return share_tank(needs, tank)", "return share_tank(needs, tank + 0)")
    assert changed != text
    return changed


def uses(lab):
    found = {}
    for use in lab.ask("usage")["uses"]:
        found[use["feature"]] = found.get(use["feature"], 0) + use["uses"]
    return found


def test_code_that_stands_elsewhere_is_metered_as_before(lab, plan, upgrade, snapshot_of):
    path = plan("irrigation")
    lab.instrument(path, "--policy", "every")
    upgrade(irrigation=moved)
    [package] = lab.ask("status", code=1)["packages"]
    assert {file["state"] for file in package["files"]} == {"outdated"}
    done = lab.ask("instrument", path, "--policy", "every")
    [hook] = done["hooks"]
    assert done["package"]["version"] == "1.1.0"
    assert any("greenhouse 1.1.0 is installed, the plan is of 1.0.0" in warning for warning in done["warnings"])
    assert f"\nline = {hook['line'] - 2}\n" in path.read_text()
    assert lab.ask("instrument", path, "--policy", "every")["changed"] is False
    lab.use(f"{USE['irrigation']}use(); use()")
    assert uses(lab) == {"irrigation": 2}
    assert lab.ask("verify", path)["verdict"] == "passed"
    assert lab.ask("status")["packages"][0]["intact"]
    [stripped] = lab.ask("strip", "greenhouse")["packages"]
    assert stripped["identical"]


def test_the_version_is_said_first(lab, plan, upgrade):
    path = plan("irrigation")
    lab.instrument(path, "--policy", "every")
    upgrade(irrigation=moved)
    over = "version 1.1.0 was installed over 1.0.0, which the hooks were made for"
    answer = lab.ask("verify", path, code=1)
    assert answer["reasons"][0] == f"{over}: instrument again"
    shown = lab.meterize("verify", path).out
    assert shown.startswith("greenhouse 1.1.0 (hooks made for 1.0.0), feature irrigation: failed")
    [stripped] = lab.ask("strip", "greenhouse", code=1)["packages"]
    assert stripped["notes"] == [over]
    assert "when version 1.1.0 was installed over 1.0.0" in stripped["left"][0]["reason"]
    again = lab.meterize("instrument", path)
    assert again.err.startswith("warning: greenhouse 1.1.0 is installed, the plan is of 1.0.0"), again


def test_a_passed_verdict_is_kept_when_another_version_is_verified(lab, plan, upgrade):
    path = plan("irrigation")
    lab.instrument(path, "--policy", "every")
    passed = lab.ask("verify", path)["evidence"]
    assert passed["kept"] is None
    written = (lab.work / "irrigation.plan.verdict.json").read_bytes()
    upgrade(irrigation=moved)
    failed = lab.ask("verify", path, code=1)["evidence"]
    kept = lab.work / f"irrigation.plan.{passed['digest'][:12]}.verdict.json"
    assert failed["kept"] == str(kept)
    assert kept.read_bytes() == written
    assert lab.ask("verify", path, code=1)["evidence"]["kept"] is None, "a failed one proves nothing"
    lab.instrument(path, "--policy", "every")
    [feature] = lab.ask("status")["packages"][0]["features"]
    assert (feature["evidence"]["state"], feature["evidence"]["differs"]) == ("other-bytes", "code of greenhouse/irrigation.py")
    assert lab.ask("verify", path)["evidence"]["kept"] is None
    assert sorted(each.name for each in lab.work.glob("*.verdict.json")) == [kept.name, "irrigation.plan.verdict.json"]


def test_a_kept_verdict_counts_where_its_version_is_installed_again(lab, plan, upgrade):
    path = plan("irrigation")
    lab.instrument(path, "--policy", "every")
    old = lab.root / "old"
    shutil.copytree(lab.venv, old, symlinks=True)
    passed = lab.ask("verify", path)["evidence"]
    upgrade(irrigation=moved)
    lab.instrument(path, "--policy", "every")
    [feature] = lab.ask("status")["packages"][0]["features"]
    assert feature["evidence"]["differs"] == "version (1.0.0 then, 1.1.0 now)"
    assert lab.ask("verify", path)["verdict"] == "passed"
    shutil.rmtree(lab.venv)
    old.rename(lab.venv)
    [feature] = lab.ask("status")["packages"][0]["features"]
    assert (feature["evidence"]["state"], feature["evidence"]["digest"]) == ("current", passed["digest"])


def test_changed_code_is_refused_with_a_list(lab, plan, upgrade):
    path = plan("irrigation")
    upgrade(irrigation=other_water)
    before = lab.tree()
    for options in ([], ["--dry-run"]):
        ran = lab.meterize("instrument", path, *options)
        says = ("greenhouse 1.1.0 is installed, the plan is of 1.0.0: 1", "plan_watering", "meterize analyze")
        lab.refused(ran, 4, "plan-out-of-date", *says, before=before)


def test_the_advice_for_changed_code_makes_the_same_plan_of_the_new_code(lab, upgrade):
    path = lab.work / "a plan.toml"
    said = ["--at", "greenhouse.irrigation:plan_watering", "--exclude", "greenhouse.forecast:*", "--max-hooks", "2"]
    suites = ["--with", "python -m unittest test_irrigation", "--without", "python -m unittest test_climate"]
    ran = lab.meterize("analyze", "greenhouse", "--feature", "water", *suites, "--cwd", lab.suite, "--plan", path, *said)
    assert ran.code == 0, ran
    upgrade(irrigation=other_water)
    refused = lab.meterize("instrument", path, "--json")
    [tool, *advised] = shlex.split(json.loads(refused.out)["error"]["hint"].partition("in the plan: ")[2])
    assert tool == "meterize"
    before = path.read_text()
    ran = lab.meterize(*advised)
    assert ran.code == 0, ran
    changed = {line.partition(" = ")[0] for line in set(before.splitlines()) ^ set(path.read_text().splitlines())}
    assert {"version", "digest"} <= changed <= {"version", "digest", "why", "union", "intersection"}
    assert lab.meterize("instrument", path).code == 0


def test_a_module_that_is_gone(lab, plan, upgrade):
    path = plan("forecast")
    upgrade(__init__=lambda text: "\n".join(line for line in text.splitlines() if "forecast" not in line))
    (lab.site / "greenhouse" / "forecast.py").unlink()
    lab.refused(lab.meterize("instrument", path), 4, "plan-out-of-date", "is gone, and the module with it", before=lab.tree())


def test_other_features_are_carried_over_or_named(lab, plan, upgrade):
    """Instrumenting one feature again after an upgrade keeps the others that are metered, as far as their code is the same."""
    for feature in ("irrigation", "forecast", "stations"):
        lab.instrument(plan(feature), "--policy", "every")
    upgrade(irrigation=other_water, forecast=moved)
    done = lab.ask("instrument", plan("stations"), "--policy", "every")
    assert any("'irrigation' was metered too" in warning and "plan_watering" in warning for warning in done["warnings"])
    [package] = lab.ask("status")["packages"]
    assert package["intact"]
    assert {feature["feature"] for feature in package["features"]} == {"forecast", "stations"}
    lab.use(f"{USE['forecast']}use()")
    assert uses(lab) == {"forecast": 1}
    assert lab.ask("verify", plan("forecast"))["verdict"] == "passed"
