"""A verdict in depth: before and after, how often, flaky tests, the way out and in again, and the evidence that is kept."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import stat
import textwrap
import types
from functools import partial

import pytest

from meterize.plan_file import read_plans, write_plans

OF_USERS, OF_OTHERS = "python -B -m unittest test_users", "python -B -m unittest test_others"
HEAD = """
import builtins, os, pathlib, unittest, warnings
from greenhouse import Reading, forecast, plan_watering
DRY = Reading(bed='basil', hour=9, air=20, humidity=80, moisture=40)
HOOKED = hasattr(builtins, "__meterize__")
def water(): plan_watering([DRY], tank=9)
def predict(): list(forecast([DRY, Reading(bed='basil', hour=10, air=21, humidity=80, moisture=40)]))
"""
USERS = """
class Users(unittest.TestCase):
    def test_once(self): water()
    def test_twice(self): water(), water()
"""
REST = """
class Rest(unittest.TestCase):
    def test_forecast(self): predict()
"""


COMMANDS = {"with_command": OF_USERS, "without_command": OF_OTHERS}


def write(folder, name, text, head=HEAD):
    (folder / f"test_{name}.py").write_text(head + textwrap.dedent(text))


@pytest.fixture(scope="module")
def water_plan(workshop, tmp_path_factory, make_lab):
    """The plan of the greenhouse's watering by two files of tests of our own, and the folder that it names."""
    lab = make_lab(workshop, tmp_path_factory.mktemp("water") / "lab")
    write(lab.work, "users", USERS)
    write(lab.work, "others", REST)
    lab.suite = lab.work
    ran = lab.analyze("irrigation", "--plan", lab.work / "water.plan.toml", **COMMANDS)
    assert ran.code == 0, ran
    return (lab.work / "water.plan.toml").read_text(), str(lab.work)


@pytest.fixture
def bench(lab, quick, water_plan):
    """The greenhouse's watering, metered at every use, and its tests in the folder that the tool is started in."""
    lab.quick, lab.suite = quick, lab.work
    text, folder = water_plan
    plan = lab.work / "water.plan.toml"
    plan.write_text(text.replace(folder, str(lab.work)))
    write(lab.work, "users", USERS)
    write(lab.work, "others", REST)
    lab.instrument(plan, "--policy", "every")

    def verify(code=0, *options):
        return lab.ask("verify", plan, *options, code=code)

    evidence = lab.work / "water.plan.verdict.json"
    return types.SimpleNamespace(lab=lab, plan=plan, write=partial(write, lab.work), verify=verify, evidence=evidence)


def named(differences, standing):
    return {each["test"].rpartition(".")[2]: each["what"] for each in differences if each["standing"] == standing}


def files(lab):
    """Every file of the environment, known by what changes if anybody writes or replaces it."""
    found = [path for path in sorted(lab.site.rglob("*")) if path.is_file() and "meterize_hooks/__pycache__" not in str(path)]
    return {str(path): (path.stat().st_ino, path.stat().st_ctime_ns, path.read_bytes()) for path in found}


def test_how_often_and_at_what_cost(bench):
    before = files(bench.lab)
    answer = bench.verify()
    assert files(bench.lab) == before, "nothing in the environment was touched, not even for a moment"
    group = answer["feature_tests"]
    assert (group["total"], group["fired"], group["silent"], group["excused"]) == (2, 2, [], [])
    assert group["uses"] == {"least": 1, "median": 1.5, "most": 2}
    assert group["repeated"] == [{"test": "test_users.Users.test_twice", "uses": 2}]
    assert group["several_hooks"] == []
    assert answer["round_trip"] == {"identical": True, "files": 3, "problems": []}
    assert (answer["differences"], answer["failing_anyway"], answer["reasons"], answer["warnings"]) == ([], [], [], [])
    assert 0.3 < answer["cost"] < 3
    for suite in (answer["suites"]["with"], answer["suites"]["without"]):
        assert (suite["exit_code"], suite["untouched_exit_code"], suite["attempts"]) == (0, 0, 1)
        assert min(suite["seconds"], suite["untouched_seconds"]) > 0
    assert {(test["id"].rpartition(".")[2], test["side"], test["must_fire"], test["before"], test["after"])
            for test in answer["tests"]} == {
        ("test_forecast", "rest", False, "passed", "passed"),
        ("test_once", "feature", True, "passed", "passed"),
        ("test_twice", "feature", True, "passed", "passed"),
    }  # fmt: skip
    shown = bench.lab.meterize("verify", bench.plan)
    assert shown.code == 0, shown
    assert "█" * 24 in shown.out
    assert "·" * 24 in shown.out
    for words in (
        "2 of 2 fired",
        "0 of 1 fired",
        "1 to 2 uses each",
        "3 tests end and warn alike",
        "identical",
        "Verdict: passed",
    ):
        assert words in shown.out


def test_a_test_that_fails_anyway_is_no_fault_of_ours(bench):
    bench.write(
        "users", f"{USERS}\n    def test_broken(self): self.fail('always')\n    def test_late(self): water(); self.fail()\n"
    )
    bench.write("others", f"{REST}\n    def test_broken_too(self): self.fail('always')\n")
    answer = bench.verify()
    assert {test.rpartition(".")[2] for test in answer["failing_anyway"]} == {"test_broken", "test_late", "test_broken_too"}
    assert (answer["verdict"], answer["reasons"], answer["differences"]) == ("passed", [], [])
    assert answer["suites"]["with"]["exit_code"] == answer["suites"]["with"]["untouched_exit_code"] == 1
    assert [test.rpartition(".")[2] for test in answer["feature_tests"]["excused"]] == ["test_broken"]
    assert "fails with hooks and without: test_users.Users.test_broken" in bench.lab.meterize("verify", bench.plan).out


def test_if_nothing_is_left_to_prove_it_the_verdict_fails(bench):
    bench.write("users", "class Users(unittest.TestCase):\n    def test_broken(self): self.fail('always')\n")
    answer = bench.verify(1)
    assert answer["reasons"] == ["no feature test fired a hook"]


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        ("def test_odd(self): water(); self.assertFalse(HOOKED)", "passed without hooks, failed with"),
        ("def test_odd(self): water(); self.skipTest('') if HOOKED else 0", "passed without hooks, skipped with"),
        ("if HOOKED:\n        def test_odd(self): water()", "runs with hooks only"),
        ("if not HOOKED:\n        def test_odd(self): water()", "runs without hooks only"),
        (
            "def test_odd(self):\n        water()\n        if HOOKED: warnings.warn('hooks at 0xABC', DeprecationWarning)",
            "only with hooks, 1 ×: DeprecationWarning: hooks at …",
        ),
        (
            """def test_odd(self):
        with self.assertWarns(UserWarning):
            water(), [warnings.warn('caught') for _ in range(1 + HOOKED)]""",
            "only with hooks, 1 ×: UserWarning: caught",
        ),
    ],
)  # fmt: skip
def test_a_test_that_notices_the_hooks_fails_the_verdict_by_name(bench, odd, what):
    bench.write("users", f"{USERS}\n    {odd}\n")
    answer = bench.verify(1)
    assert list(named(answer["differences"], "fault")) == ["test_odd"]
    assert what in answer["differences"][0]["what"]
    assert answer["suites"]["with"]["attempts"] == 2, "it was run again before it was judged"
    assert answer["suites"]["without"]["attempts"] == 1
    assert "test_users.Users.test_odd" in answer["reasons"][0]
    assert "differs: test_users.Users.test_odd" in bench.lab.meterize("verify", bench.plan).out


def test_a_command_that_ends_otherwise(bench):
    bench.write("users", f"{USERS}\nimport atexit\nif HOOKED: atexit.register(lambda: os._exit(7))\n")
    answer = bench.verify(1)
    assert [(each["test"], each["standing"]) for each in answer["differences"]] == [("", "fault")]
    assert "ended with 0 without hooks, and with 7 with them" in answer["reasons"][0]


FLAKY = """
COUNTER = pathlib.Path("counter")
COUNTER.write_text(COUNTER.read_text() + "x" if COUNTER.exists() else "x")
RUN = len(COUNTER.read_text())
"""


def test_flaky_tests_are_run_again_and_named(bench):
    """The metered run is the first of the feature's two, so run 1 has hooks, 2 has not; then 3 has not, and 4 has."""
    bench.write("users", f"{FLAKY}{USERS}\n    def test_shaky(self):\n        self.assertNotEqual(RUN, 1)\n        water()\n")
    answer = bench.verify()
    assert named(answer["differences"], "flaky") == {"test_shaky": "passed without hooks, failed with them"}
    assert (answer["verdict"], answer["suites"]["with"]["attempts"]) == ("passed", 2)
    assert answer["feature_tests"]["fired"] == 3, "the second time counts"
    assert (bench.lab.work / "counter").read_text() == "xxxx"


def test_what_every_second_run_finds_lying_about_is_flaky(bench):
    """The same two of four runs would fail, and look like a fault, were the order the same the second time."""
    left = "    def test_left(self): self.assertTrue(RUN % 2);"
    bench.write("users", f"{FLAKY}{USERS}\n{left} water()\n")
    bench.write("others", f"{FLAKY.replace('counter', 'other')}{REST}\n{left}\n")
    answer = bench.verify()
    assert [each["test"].rpartition(".")[2] for each in answer["differences"]] == ["test_left"] * 2
    assert {each["standing"] for each in answer["differences"]} == {"flaky"}


def test_a_test_that_differs_from_itself_without_hooks_is_flaky(bench):
    """Such as one with a random part in its id."""
    bench.write("users", f"{FLAKY}{USERS}\nsetattr(Users, f'test_random_{{RUN}}', lambda self: water())\n")
    answer = bench.verify()
    assert len(named(answer["differences"], "flaky")) == 4
    assert named(answer["differences"], "fault") == {}


def test_when_garbage_is_collected_is_nobodys_fault(bench):
    bench.write(
        "users",
        f"{USERS}\n    def test_leak(self):\n        water()\n        if HOOKED: warnings.warn('unclosed', ResourceWarning)\n",
    )
    bench.plan.write_text(bench.plan.read_text().replace(OF_USERS, "python -B -W always -m unittest test_users"))
    answer = bench.verify()
    assert list(named(answer["differences"], "incidental")) == ["test_leak"]
    assert answer["suites"]["with"]["attempts"] == 1


def test_tests_that_only_show_how_it_fails_need_not_fire(lab, quick, bench):
    lab.ask("strip", "greenhouse")
    bench.write(
        "users",
        f"{USERS}\n    def test_error(self):\n        with self.assertRaises(Exception): plan_watering([None], tank=9)\n",
    )
    ran = lab.analyze("irrigation", "--plan", bench.plan, "--charge", "on-success", **COMMANDS)
    assert ran.code == 0, ran
    lab.instrument(bench.plan)
    answer = bench.verify()
    assert answer["feature_tests"]["excused"] == ["test_users.Users.test_error"]
    assert (answer["feature_tests"]["total"], answer["feature_tests"]["fired"]) == (3, 2)


def hooked(lab, level):
    [path] = (lab.site / "greenhouse" / "__pycache__").glob(f"irrigation.*{level}.pyc")
    return path


def test_hooks_that_do_not_come_out_again(bench):
    original = next((bench.lab.site / ".meterize" / "greenhouse" / "originals").iterdir())
    original.write_bytes(b"damaged")
    answer = bench.verify(1)
    assert answer["round_trip"]["identical"] is False
    assert "damaged" in answer["reasons"][0]
    assert "do not lead back" in bench.lab.meterize("verify", bench.plan).out


def test_files_that_are_not_what_instrument_makes(bench):
    """Another level than the suites run at, so that no test can notice it."""
    path = hooked(bench.lab, "opt-2")
    path.write_bytes(path.read_bytes() + b"\0")
    answer = bench.verify(1)
    assert answer["feature_tests"]["fired"] == 2
    assert not answer["round_trip"]["identical"]


def test_an_environment_that_was_moved_since(lab, quick, metered, plan):
    """Its compiled files name the folder that they were made in; what they do is the same."""
    lab.quick = quick
    answer = lab.ask("verify", metered)
    assert (answer["round_trip"]["problems"], answer["verdict"]) == ([], "passed")


def test_files_that_change_while_the_suites_run(bench):
    bench.write("others", f"{REST}\n    def test_compile(self): pathlib.Path({str(hooked(bench.lab, 'opt-1'))!r}).touch()\n")
    assert bench.verify()["verdict"] == "passed", "a time stamp is nothing"
    path = str(hooked(bench.lab, "opt-1"))
    bench.write("others", f"{REST}\n    def test_compile(self): pathlib.Path({path!r}).write_bytes(b'else')\n")
    answer = bench.verify(1)
    assert any("changed while the suites ran" in reason for reason in answer["reasons"])


def test_the_evidence(bench):
    bench.plan.chmod(0o600)
    answer = bench.verify()
    assert answer["evidence"]["path"] == str(bench.evidence)
    data = bench.evidence.read_bytes()
    assert hashlib.sha256(data).hexdigest() == answer["evidence"]["digest"]
    assert stat.S_IMODE(bench.evidence.stat().st_mode) == 0o600
    assert str(bench.lab.root).encode() not in data
    kept = json.loads(data)
    assert (kept["schema"], kept["verdict"]) == (1, "passed")
    assert kept["plan_file_digest"] == hashlib.sha256(bench.plan.read_bytes()).hexdigest()
    assert [each["command"] for each in kept["commands"]] == [
        OF_OTHERS,
        OF_USERS,
    ]
    digests = {file["optimization"]: file["digest"] for file in kept["files"]}
    assert (
        digests[0]
        == hashlib.sha256(hooked(bench.lab, bench.lab.site.parent.name[6:].replace(".", "")).read_bytes()).hexdigest()
    )
    [feature] = kept["features"]
    [hook] = feature["hooks"]
    assert {test["id"].rpartition(".")[2]: test["fires"] for test in feature["tests"]} == {
        "test_forecast": {}, "test_once": {hook: 1}, "test_twice": {hook: 2},
    }  # fmt: skip
    assert [path.name for path in bench.lab.work.iterdir() if path.name.startswith(".")] == []


def evidence_of(bench):
    [package] = bench.lab.ask("status")["packages"]
    [feature] = package["features"]
    return feature["evidence"]


GARBAGE = (
    b"",
    b"\xff\x00",
    b"[]",
    b"{}",
    b'{"schema": 1}',
    b'{"schema": 9, "features": []}',
    b'{"schema": 1, "features": [{}], "files": []}',
    b'{"schema": 1, "time": 1, "features": [[]]}',
    b"[" * 99999,
)


def test_status_says_whether_the_verdict_is_of_this(bench):
    lab = bench.lab
    assert evidence_of(bench) == {
        "state": "none", "path": str(bench.evidence), "verdict": None, "time": None, "digest": None, "differs": None,
    }  # fmt: skip
    assert "no verdict yet" in lab.meterize("status").out
    answer = bench.verify()
    found = evidence_of(bench)
    assert (found["state"], found["verdict"], found["digest"]) == ("current", "passed", answer["evidence"]["digest"])
    assert found["time"].endswith("Z")
    assert "passed for this plan and these files" in lab.meterize("status").out
    lab.instrument(bench.plan, "--policy", "once")
    found = evidence_of(bench)
    assert (found["state"], found["differs"]) == ("other-plan", "policy (every then, once now)")
    assert "of another plan, which differs in policy (every then, once now): verify again" in lab.meterize("status").out
    lab.instrument(bench.plan, "--policy", "every")
    assert evidence_of(bench)["state"] == "current"
    for garbage in GARBAGE:
        bench.evidence.write_bytes(garbage)
        assert evidence_of(bench)["state"] == "unreadable", garbage
    bench.evidence.unlink()
    bench.evidence.mkdir()
    assert evidence_of(bench)["state"] == "unreadable"
    bench.evidence.rmdir()
    bench.write("users", "class Users(unittest.TestCase):\n    def test_idle(self): pass\n")
    bench.verify(1)
    assert (evidence_of(bench)["state"], evidence_of(bench)["verdict"]) == ("current", "failed")
    hooked(lab, "opt-2").write_bytes(b"somebody else's")
    [package] = lab.ask("status", code=1)["packages"]
    found = package["features"][0]["evidence"]
    assert (found["state"], found["differs"]) == ("other-bytes", "code of greenhouse/irrigation.py")


def test_a_verdict_holds_wherever_the_same_code_is_installed(bench, make_lab, workshop, tmp_path):
    """Compiled files name the folder that they were compiled in; the evidence does not."""
    bench.verify()
    production = make_lab(workshop, tmp_path / "production")
    for path in (bench.plan, bench.evidence):
        shutil.copy(path, production.work)
    production.instrument(production.work / bench.plan.name, "--policy", "every")
    [package] = production.ask("status")["packages"]
    found = package["features"][0]["evidence"]
    assert (found["state"], found["path"]) == ("current", str(production.work / bench.evidence.name))


def test_evidence_elsewhere_and_nowhere(bench):
    lab = bench.lab
    (lab.work / "loop.json").symlink_to("loop.json")
    (lab.work / "pipe.json").symlink_to("/dev/null")
    before = lab.tree()
    for place in (lab.work / "no" / "x.json", lab.work / "loop.json", lab.work / "pipe.json", bench.plan):
        ran = lab.meterize("verify", bench.plan, "--evidence", place)
        lab.refused(ran, 4, "evidence-unwritable", "--evidence", before=before)
    lab.refused(lab.meterize("verify", bench.plan, "--evidence", lab.work), 2, "usage", before=before)
    bench.evidence.mkdir()
    lab.refused(lab.meterize("verify", bench.plan), 4, "evidence-unwritable", "--evidence", before=lab.tree())
    (lab.work / "x.json").write_text("earlier")
    (lab.work / "x.json").chmod(0o640)
    (lab.work / "link.json").symlink_to("x.json")
    answer = bench.verify(0, "--evidence", lab.work / "link.json")
    assert hashlib.sha256((lab.work / "x.json").read_bytes()).hexdigest() == answer["evidence"]["digest"]
    assert (lab.work / "link.json").is_symlink()
    assert stat.S_IMODE((lab.work / "x.json").stat().st_mode) == 0o640


def test_several_features_of_one_plan_share_their_runs(bench, lab):
    """Each distinct command runs once, and a feature's rest are the others' tests where the plan says so."""
    lab.ask("strip", "greenhouse")
    one, two = (
        {"with_command": OF_USERS, "without_command": OF_OTHERS},
        {"with_command": OF_OTHERS, "without_command": OF_USERS},
    )
    for feature, commands in (("irrigation", one), ("forecast", two)):
        ran = lab.analyze(feature, "--plan", lab.work / f"{feature}.toml", **commands)
        assert ran.code == 0, ran
    for feature in ("irrigation", "forecast"):
        lab.instrument(lab.work / f"{feature}.toml", "--policy", "every")
    plans = [plan for feature in ("irrigation", "forecast") for plan in read_plans(lab.work / f"{feature}.toml")]
    both = [
        dataclasses.replace(plan, without_command="", against=(other.feature,))
        for plan, other in zip(plans, plans[::-1], strict=True)
    ]
    write_plans(both, bench.plan)
    for name, text in (("users", USERS), ("others", REST)):
        bench.write(name, FLAKY.replace("counter", f"counted_{name}") + text)
    answer = bench.verify()
    assert set(answer) == {"schema", "verdict", "plan", "cost", "evidence", "features"}
    assert [(each["feature"], each["verdict"]) for each in answer["features"]] == [
        ("irrigation", "passed"),
        ("forecast", "passed"),
    ]
    first = answer["features"][0]["suites"]
    assert (first["without"], [suite["command"] for suite in first["against"]]) == (None, [OF_OTHERS])
    assert {name: (lab.work / f"counted_{name}").read_text() for name in ("users", "others")} == {"users": "xx", "others": "xx"}
    assert [len(json.loads(bench.evidence.read_bytes())[key]) for key in ("commands", "features", "files")] == [2, 2, 6]
    assert lab.meterize("verify", bench.plan).out.count("feature tests") == 2
    alone = bench.verify(0, "--feature", "forecast")
    assert (alone["feature"], alone["rest_tests"]["total"]) == ("forecast", 2)
    ran = lab.meterize("verify", bench.plan, "--feature", "nonsense")
    lab.refused(ran, 2, "no-such-feature", "forecast")


def test_tests_that_fire_several_hooks_are_named(bench, lab):
    """Two places of one feature: by hand, since analyze would not choose them."""
    lab.ask("strip", "greenhouse")
    ran = lab.analyze("forecast", "--plan", lab.work / "f.toml", with_command=OF_OTHERS, without_command=OF_USERS)
    assert ran.code == 0, ran
    [plan], [other] = read_plans(bench.plan), read_plans(lab.work / "f.toml")
    more = dataclasses.replace(other.hook_points[0], id=plan.hook_points[0].id[:-1] + "2", covers=())
    write_plans([dataclasses.replace(plan, hook_points=(*plan.hook_points, more))], bench.plan)
    bench.write("users", f"{USERS}\n    def test_both(self): water(), predict()\n")
    bench.write("others", "class Rest(unittest.TestCase):\n    def test_idle(self): pass\n")
    lab.instrument(bench.plan)
    answer = bench.verify()
    [several] = answer["feature_tests"]["several_hooks"]
    assert (several["test"], len(several["hooks"])) == ("test_users.Users.test_both", 2)
    assert any("several hooks fire in 1" in warning for warning in answer["warnings"])


def test_two_packages_in_one_plan(bench, lab, install):
    """And commands that are no tests of any framework: each is one test."""
    install(lab.site, {"shop/__init__.py": "def sell():\n    return 1\n\n\ndef count():\n    return 2\n"}, name="shop")
    (lab.work / "sell.py").write_text("import shop; shop.sell(); shop.sell()")
    (lab.work / "count.py").write_text("import shop; shop.count()")
    ran = lab.meterize("analyze", "shop", "--feature", "sale", "--plan", "sale.toml", "--cwd", lab.work,
                       "--with", "python -B sell.py", "--without", "python -B count.py")  # fmt: skip
    assert ran.code == 0, ran
    lab.instrument(lab.work / "sale.toml", "--policy", "every")
    [sale], [water] = read_plans(lab.work / "sale.toml"), read_plans(bench.plan)
    write_plans([sale, water], bench.plan)
    answer = bench.verify()
    assert [(each["package"]["name"], each["verdict"]) for each in answer["features"]] == [
        ("shop", "passed"),
        ("greenhouse", "passed"),
    ]
    assert answer["features"][0]["feature_tests"]["repeated"] == [{"test": "python -B sell.py", "uses": 2}]
    assert [each["round_trip"]["files"] for each in answer["features"]] == [3, 3]
    kept = json.loads(bench.evidence.read_bytes())
    assert {file["distribution"] for file in kept["files"]} == {"shop", "greenhouse"}
    assert len(kept["commands"]) == 4
    states = {
        each["feature"]: each["evidence"]["state"] for package in lab.ask("status")["packages"] for each in package["features"]
    }
    # Each was instrumented by a file of its own: sale.toml has no verdict beside it, water.toml has this one.
    assert states == {"sale": "none", "irrigation": "current"}
    (lab.work / "sell.py").write_text("import shop; shop.count()")
    answer = bench.verify(1)
    assert [each["verdict"] for each in answer["features"]] == ["failed", "passed"]
    assert answer["features"][0]["feature_tests"]["silent"] == ["python -B sell.py"]
