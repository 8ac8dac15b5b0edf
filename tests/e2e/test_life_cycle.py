"""A feature's way from its tests to a bill and back: functions, generators and coroutines, counted once or at every use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meterize.cpython.versions import HAS_MONITORING

READING = "from greenhouse import Reading\nr = Reading(bed='basil', hour=9, air=20, humidity=80, moisture=40)\n"
USE = {
    "irrigation": f"{READING}from greenhouse import plan_watering\ndef use(): plan_watering([r], tank=9)\n",
    "forecast": "from greenhouse import Reading, forecast\n"
    "day = [Reading(bed='b', hour=h, air=20 + h, humidity=80, moisture=40) for h in (8, 9)]\n"
    "def use(): list(forecast(day))\n",
    "stations": f"{READING}import asyncio\nfrom greenhouse import Station, poll\n"
    "def use(): asyncio.run(poll([Station(bed='basil', readings=[r]), Station(bed='silent', readings=[])]))\n",
}
"""Programs that define one use of each feature; nobody else is imported but by them."""
MECHANISMS = {"every": {"inline"}, "once": {"monitoring", "in-place"}}


@pytest.fixture(autouse=True)
def _briefly(request, lab, quick):
    """Only the whole way of each feature, and of odd shells, is gone with an interpreter for each step."""
    if request.function.__name__ not in ("test_from_plan_to_strip", "test_in_an_odd_shell"):
        lab.quick = quick


def counted(lab, feature):
    """Uses by subject, from the spool."""
    return {use["subject"]: use["uses"] for use in lab.ask("usage")["uses"] if use["feature"] == feature}


@pytest.mark.parametrize("policy", ["once", "every"])
@pytest.mark.parametrize("feature", USE)
def test_from_plan_to_strip(lab, plan, snapshot_of, feature, policy):
    before = snapshot_of(lab.venv)
    path = plan(feature)

    done = lab.ask("instrument", path, "--policy", policy)
    assert (done["changed"], done["policy"], done["feature"]) == (True, policy, feature)
    assert {hook["mechanism"] for hook in done["hooks"]} <= MECHANISMS[policy]
    [package] = lab.ask("status")["packages"]
    assert package["intact"]
    assert [each["feature"] for each in package["features"]] == [feature]
    assert {file["state"] for file in package["files"]} == {"ours"}

    for subject in ("north", "north", "south"):
        lab.use(f"{USE[feature]}for _ in range(3): use()", METERIZE_SUBJECT=subject)
    lab.use(f"{USE[feature]}use()")
    expected = {"every": {"north": 6, "south": 3, None: 1}, "once": {"north": 2, "south": 1, None: 1}}
    assert counted(lab, feature) == expected[policy]

    verdict = lab.ask("verify", path)
    assert verdict["verdict"] == "passed", verdict
    assert verdict["feature_tests"]["fired"] == verdict["feature_tests"]["total"] > 4
    assert verdict["rest_tests"]["fired"] == 0
    assert counted(lab, feature) == expected[policy], "a test run is no use"

    stripped = lab.ask("strip", "greenhouse")["packages"]
    assert [each["identical"] for each in stripped] == [True]
    assert snapshot_of(lab.venv) == before
    assert lab.ask("status")["packages"] == []


def test_with_pytest_the_same_is_found(lab, plan, plan_text):
    command = "python -m pytest -q -p no:cacheprovider"
    ran = lab.analyze(
        "irrigation", "--json", "--plan", lab.work / "by-pytest.toml",
        with_command=f"{command} -k irrigation", without_command=f"{command} -k 'not irrigation'",
    )  # fmt: skip
    assert ran.code == 0, ran
    found = ran.json()
    assert "test_irrigation.py::IrrigationTest::test_driest_first" in found["selection"]["feature_tests"]
    by_unittest = [line for line in plan_text("irrigation").splitlines() if line.startswith(("offset", "digest", "qualname"))]
    by_pytest = (lab.work / "by-pytest.toml").read_text().splitlines()
    assert [line for line in by_pytest if line.startswith(("offset", "digest", "qualname"))] == by_unittest
    lab.instrument(lab.work / "by-pytest.toml")
    assert lab.ask("verify", lab.work / "by-pytest.toml")["verdict"] == "passed"


def test_a_selection_that_is_mended(lab, of_rest):
    """Two tests of the watering stand on the wrong side: said by default, moved when asked to, and remembered by the plan."""
    names = ["a_thirsty_day_takes_more", "driest_first", "only_the_latest_reading_counts", "own_target"]
    selected = " ".join(f"test_irrigation.IrrigationTest.test_{name}" for name in names)
    others = " ".join(f"test_irrigation.IrrigationTest.test_{name}" for name in ("tank_runs_out", "wet_beds_get_nothing"))
    commands = {"with_command": f"python -m unittest {selected}", "without_command": f"{of_rest('irrigation')} {others}"}
    plain = lab.analyze("irrigation", "--plan", lab.work / "plain.toml", **commands)
    assert plain.code == 1 or "--refine" in plain.err, plain
    refined = lab.analyze("irrigation", "--plan", lab.work / "refined.toml", "--refine", "--json", **commands)
    assert refined.code == 0, refined
    selection = refined.json()["selection"]
    assert len(selection["feature_tests"]) == 6
    assert {test.rpartition("test_")[2] for test in selection["moved_to_feature"]} == {"tank_runs_out", "wet_beds_get_nothing"}
    assert selection["moved_to_rest"] == []
    lab.instrument(lab.work / "refined.toml", "--policy", "every")
    verdict = lab.ask("verify", lab.work / "refined.toml")
    assert (verdict["verdict"], verdict["feature_tests"]["total"]) == ("passed", 6)


def test_a_selection_that_is_left_as_it_is(lab):
    """What to do first is the last thing said, the first warning of the plan, and a key of the answer."""
    commands = {
        "with_command": "python -m unittest test_irrigation test_climate.ClimateTest.test_means",
        "without_command": "python -m unittest test_forecast test_stations test_readings",
    }
    ran = lab.analyze("irrigation", "--plan", lab.work / "p.toml", **commands)
    assert ran.code == 0, ran
    [*_, first, review] = ran.err.splitlines()
    assert first.startswith("First: Tests sit on the wrong side. Run analyze again with --refine"), ran.err
    assert "it would hook plan_watering" in first
    assert ran.err.count("Tests sit on the wrong side") == 1
    assert "meterize instrument" in review
    answer = lab.analyze("irrigation", "--plan", lab.work / "p.toml", "--json", **commands).json()
    assert answer["advice"] == answer["warnings"][0] == first.removeprefix("First: ")


def test_a_script_as_a_test(lab):
    (lab.work / "with.py").write_text(f"{USE['irrigation']}use()")
    (lab.work / "without.py").write_text("import greenhouse; greenhouse.parse_readings(['bed,hour,air,humidity,moisture'])")
    answer = lab.ask(
        "analyze", "greenhouse", "--feature", "water", "--with", "python with.py", "--without", "python without.py"
    )
    assert answer["selection"]["feature_tests"] == ["python with.py"]
    assert answer["plan"] == "greenhouse.water.plan.toml"
    lab.instrument(lab.work / answer["plan"])
    assert lab.ask("verify", lab.work / answer["plan"])["verdict"] == "passed"


def test_instrumenting_twice_changes_nothing(lab, plan, snapshot_of):
    path = plan("forecast")
    assert lab.ask("instrument", path, "--policy", "every")["changed"] is True
    metered = snapshot_of(lab.venv)
    assert lab.ask("instrument", path, "--policy", "every")["changed"] is False
    assert "Metered already" in lab.instrument(path, "--policy", "every").out
    assert snapshot_of(lab.venv) == metered


def test_another_policy_is_a_change(lab, plan, snapshot_of):
    before = snapshot_of(lab.venv)
    path = plan("irrigation")
    lab.instrument(path, "--policy", "once")
    assert lab.ask("instrument", path, "--policy", "every")["changed"] is True
    [package] = lab.ask("status")["packages"]
    assert [each["policy"] for each in package["features"]] == ["every"]
    lab.use(f"{USE['irrigation']}use(); use()")
    assert counted(lab, "irrigation") == {None: 2}
    lab.ask("strip", "--all")
    assert snapshot_of(lab.venv) == before


def test_two_features_of_one_package(lab, plan, snapshot_of):
    before = snapshot_of(lab.venv)
    lab.instrument(plan("irrigation"), "--policy", "every")
    lab.instrument(plan("stations"), "--policy", "once")
    [package] = lab.ask("status", "greenhouse")["packages"]
    assert {(each["feature"], each["policy"]) for each in package["features"]} == {
        ("irrigation", "every"),
        ("stations", "once"),
    }
    lab.use(f"{USE['irrigation']}use(); use(); use()\n{USE['stations']}use(); use()", METERIZE_SUBJECT="x")
    assert counted(lab, "irrigation") == {"x": 3}
    assert counted(lab, "stations") == {"x": 1}
    for feature in ("irrigation", "stations"):
        assert lab.ask("verify", plan(feature))["verdict"] == "passed"
    [stripped] = lab.ask("strip", "greenhouse")["packages"]
    assert stripped["identical"]
    assert snapshot_of(lab.venv) == before


def test_two_packages_share_the_runtime_and_the_last_takes_it_along(lab, plan, install, snapshot_of):
    install(lab.site, {"shop/__init__.py": "def sell():\n    return 1\n\ndef count():\n    return 2\n"}, name="shop")
    before = snapshot_of(lab.venv)
    (lab.work / "sell.py").write_text("import shop; shop.sell()")
    (lab.work / "count.py").write_text("import shop; shop.count()")
    lab.ask("analyze", "shop", "--feature", "sale", "--with", "python -B sell.py", "--without", "python -B count.py")
    lab.instrument(lab.work / "shop.sale.plan.toml", "--policy", "every")
    lab.instrument(plan("irrigation"), "--policy", "every")
    lab.use(f"import shop; shop.sell()\n{USE['irrigation']}use()", METERIZE_SUBJECT="both")
    assert {(use["package"], use["uses"]) for use in lab.ask("usage")["uses"]} == {("shop", 1), ("greenhouse", 1)}
    [first] = lab.ask("strip", "shop")["packages"]
    assert (first["identical"], first["runtime_removed"]) == (True, False)
    lab.use(f"{USE['irrigation']}use()", METERIZE_SUBJECT="both")
    assert counted(lab, "irrigation") == {"both": 2}
    [last] = lab.ask("strip", "greenhouse")["packages"]
    assert (last["identical"], last["runtime_removed"]) == (True, True)
    assert snapshot_of(lab.venv) == before


@pytest.mark.parametrize("policy", ["once", "every"])
def test_a_forked_process_counts_its_own(lab, plan, policy):
    lab.instrument(plan("irrigation"), "--policy", policy)
    lab.use(
        f"{USE['irrigation']}import os, sys\n"
        "pid = os.fork()\n"
        "for _ in range(2 if pid else 3): use()\n"
        "if pid: assert os.waitpid(pid, 0)[1] == 0\n",
        METERIZE_SUBJECT="family",
    )
    assert counted(lab, "irrigation") == {"family": 5 if policy == "every" else 2}


def test_subjects_named_in_one_process(lab, metered):
    lab.use(
        f"{USE['irrigation']}import meterize_hooks, threading\n"
        "def serve(tenant, times):\n"
        "    with meterize_hooks.subject(tenant):\n"
        "        for _ in range(times): use()\n"
        "threads = [threading.Thread(target=serve, args=(f'tenant-{n}', n)) for n in (1, 20, 300)]\n"
        "use()\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "use()\n"
    )
    assert counted(lab, "irrigation") == {"tenant-1": 1, "tenant-20": 20, "tenant-300": 300, None: 2}


def test_without_the_runtime_the_application_runs_on(lab, metered):
    import shutil

    shutil.rmtree(lab.site / "meterize_hooks")
    lab.use(f"{USE['irrigation']}use()")
    assert counted(lab, "irrigation") == {}


def test_charged_on_success_only(lab, plan):
    path = lab.work / "success.plan.toml"
    ran = lab.analyze("irrigation", "--charge", "on-success", "--plan", path, "--json")
    assert ran.code == 0, ran
    assert 'charge = "on-success"' in path.read_text()
    lab.instrument(path, "--policy", "every")
    program = (
        f"{USE['irrigation']}use()\nfor _ in range(3):\n    try: plan_watering([None], tank=9)\n    except Exception: pass\n"
    )
    lab.use(program, METERIZE_SUBJECT="x")
    assert counted(lab, "irrigation") == {"x": 1}
    lab.ask("strip", "greenhouse")
    lab.instrument(plan("irrigation"), "--policy", "every")
    lab.use(program, METERIZE_SUBJECT="x")
    assert counted(lab, "irrigation") == {"x": 1 + 4}


TWO_ENDS = """\
def price(amount):
    if amount > 100:
        amount = round(amount * 0.9)
        kind = "large"
    else:
        kind = str("small")
    return kind


def refund(amount):
    return -amount
"""
TWO_ENDS_TESTS = """\
import unittest
import shop


class PriceTest(unittest.TestCase):
    def test_small(self):
        self.assertEqual(shop.price(10), "small")

    def test_large(self):
        self.assertEqual(shop.price(200), "large")


class RefundTest(unittest.TestCase):
    def test_refund(self):
        self.assertEqual(shop.refund(10), -10)
"""


def test_two_ends_on_one_line_are_told_apart(lab, install):
    """From 3.12 on the compiler copies the return behind two arms to the end of each."""
    install(lab.site, {"shop.py": TWO_ENDS}, name="shop")
    (lab.work / "test_shop.py").write_text(TWO_ENDS_TESTS)
    found = lab.ask(
        "analyze", "shop", "--feature", "price", "--charge", "on-success", "--plan", "price.toml",
        "--with", "python -m unittest test_shop.PriceTest", "--without", "python -m unittest test_shop.RefundTest",
    )  # fmt: skip
    whys = [hook["why"] for hook in found["hook_points"] if hook["line"] == 7]
    assert whys
    if len(whys) > 1:
        assert [why.partition(". ")[0] for why in whys] == [
            "One of 2 places on line 7: the one after line 4", "One of 2 places on line 7: the one after line 6",
        ]  # fmt: skip


def _is_opcode(word):
    return word.isupper() and word.replace("_", "").isalpha()


def test_dry_run_shows_both_sides_and_changes_nothing(lab, plan):
    path = plan("irrigation")
    before = lab.tree()
    ran = lab.meterize("instrument", path, "--policy", "every", "--dry-run")
    assert ran.code == 0, ran
    assert lab.tree() == before
    assert "nothing was changed" in ran.out
    rows = [line.strip("│").split("│") for line in ran.out.splitlines() if line.startswith("│") and line.count("│") == 3]
    both = [(left.split(), right.split()) for left, right in rows]
    faced = [(left, right) for left, right in both if any(word in left for word in ("RESUME", "STORE_FAST", "FOR_ITER"))]
    assert len(faced) > 1
    # The labels of 3.13's disassembler (L1) are numbered anew.
    assert all(
        [word for word in left if _is_opcode(word)] == [word for word in right if _is_opcode(word)] for left, right in faced
    )
    added = [left for left, right in both if any("__meterize__" in word for word in right)]
    assert added == [[]], "the hook stands on the right only, and faces a gap"
    assert "IMPORT_NAME" not in ran.out
    assert "arm the hooks when it is imported" in ran.out
    for policy in ("once", "every"):
        rows = lab.meterize("instrument", path, "--policy", policy, "--dry-run").out.splitlines()
        [mark] = [number for number, row in enumerate(rows) if "◆ greenhouse/irrigation/1" in row]
        above = "once more" if policy == "once" and not HAS_MONITORING else "RESUME"
        assert above in rows[mark - 1], "how a use is noticed, the place is shown where it is"

    answer = lab.ask("instrument", path, "--policy", "every", "--dry-run")
    assert (answer["dry_run"], answer["changed"]) == (True, True)
    for change in answer["changes"]:
        assert set(change["before"]) - set(change["after"]) == set() or len(change["after"]) > len(change["before"])
    assert any("__meterize__" in line for change in answer["changes"] for line in change["after"])
    assert not any("meterize" in line for change in answer["changes"] for line in change["before"])
    assert lab.tree() == before


def test_what_ran_is_kept_as_coverage_data(lab):
    from coverage import CoverageData

    data = lab.work / "what ran.db"
    ran = lab.analyze("irrigation", "--data", data)
    assert ran.code == 0, ran
    found = CoverageData(basename=str(data))
    found.read()
    assert "with|test_irrigation.IrrigationTest.test_driest_first" in found.measured_contexts()
    file = str(lab.site / "greenhouse" / "irrigation.py")
    assert file in found.measured_files()
    found.set_query_contexts([r"^with\|test_irrigation\.IrrigationTest\.test_wet_beds_get_nothing$"])
    lines = set(found.lines(file) or ())
    source = Path(file).read_text().splitlines()
    assert {number for number, line in enumerate(source, 1) if "return 0.0" in line} <= lines
    assert not {number for number, line in enumerate(source, 1) if "needs.append" in line} & lines


def test_analyzing_again_says_that_the_plan_was_replaced(lab):
    assert lab.analyze("irrigation", "--json").json()["replaced"] is False
    path = lab.work / "greenhouse.irrigation.plan.toml"
    path.write_text(path.read_text().replace("[[hook_point]]", "[[hook_point]] # reviewed"))
    again = lab.analyze("irrigation")
    assert again.code == 0, again
    assert "in the place of the plan that was there" in again.out
    assert "reviewed" not in path.read_text()


def test_the_source_lines_show_what_is_the_features_own(lab):
    ran = lab.analyze("irrigation")
    assert ran.code == 0, ran
    [hooked] = [line for line in ran.out.splitlines() if line.startswith("◆ █")]
    assert "needs = []" in hooked
    assert any(line.startswith("  ▒") and "needs.append" in line for line in ran.out.splitlines())


def test_in_an_odd_shell(lab, snapshot_of):
    """Every warning an error, no home, no programs, a terminal of one column: none of it concerns the tool."""
    odd = {
        "PYTHONWARNINGS": "error",
        "PYTHONDEVMODE": "1",
        "HOME": "/nowhere",
        "PATH": "/nowhere",
        "COLUMNS": "1",
        "LC_ALL": "C",
    }
    before = snapshot_of(lab.venv)
    analyzed = lab.analyze("irrigation", **odd)
    assert analyzed.code == 0, analyzed
    plan = lab.work / "greenhouse.irrigation.plan.toml"
    lines = (["instrument", plan], ["status"], ["verify", plan], ["usage"], ["strip", "greenhouse"])
    for ran in (lab.meterize(*words, **odd) for words in lines):
        assert ran.code == 0, ran
    assert snapshot_of(lab.venv) == before


def test_usage_without_uses(lab):
    answer = lab.ask("usage")
    assert (answer["uses"], answer["total"], answer["problems"]) == ([], 0, [])
    assert answer["spool"] == str(lab.spool)
    assert lab.meterize("usage").out == f"No uses in {lab.spool}.\n"


def test_usage_of_a_spool_that_is_not_there(lab, tmp_path):
    ran = lab.meterize("usage", "--spool", tmp_path / "typo")
    assert (ran.code, ran.out) == (2, "")
    assert "no-spool" in ran.err


def test_usage_of_a_damaged_spool(lab, metered):
    lab.use(f"{USE['irrigation']}use()", METERIZE_SUBJECT="x")
    [file] = lab.spool.glob("*.names")
    file.write_bytes(file.read_bytes() + b"\xff" * 30)
    (lab.spool / "other.uses").write_bytes(b"\xff\x00nonsense\n[]\n")
    answer = lab.ask("usage")
    assert counted(lab, "irrigation") == {"x": 1}
    assert len(answer["problems"]) == 2
    shown = lab.meterize("usage")
    assert shown.code == 0, shown
    assert shown.err.count("warning:") == 2


def test_from_the_command_line_of_the_tools_own_environment(workshop, tmp_path, clean_variables):
    """Without --python the tool works on the environment that runs it: here, by the path, on an environment of ours."""
    site = next((workshop / "venv" / "lib").glob("python3.*/site-packages"))
    done = subprocess.run(
        [sys.executable, "-m", "meterize", "status", "--json"],
        env=clean_variables(PYTHONPATH=str(site), METERIZE_SPOOL=str(tmp_path)),
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)) == (0, {"schema": 1, "packages": [], "unmetered": []}), done
