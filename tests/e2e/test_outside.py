"""Code of the feature that also runs outside any test: while test modules are imported, in fixtures that they share, in the
package's own import."""

from __future__ import annotations

import textwrap

import pytest

PACKAGE = {
    "printery/__init__.py": "def cut(text):\n    return text[:3]\n",
    "printery/press.py": "def engrave(text):\n    plate = list(text)\n    return plate[::-1]\n",
    "printery/samples.py": "from printery.press import engrave\nSAMPLE = engrave('sample')\n",
}
USERS = """
import unittest
from printery.press import engrave
class Users(unittest.TestCase):
    def test_word(self): engrave("word")
    def test_letter(self): engrave("a")
    def test_twice(self): engrave("b"), engrave("c")
"""
OTHERS = """
class Others(unittest.TestCase):
    def test_cut(self): cut("word")
    def test_nothing(self): cut("")
"""
HEADS = {
    "module": "import unittest, printery.samples\nfrom printery import cut\n",
    "child": "import subprocess, sys, unittest\nfrom printery import cut\n"
    "subprocess.run([sys.executable, '-c', 'import printery.samples'], check=True)\n",
    "fixture": "import unittest\nfrom printery import cut\nfrom printery.press import engrave\n"
    "def setUpModule(): engrave('shared')\n",
}
UNITTEST = {"with_command": "python -m unittest test_users", "without_command": "python -m unittest test_others"}


@pytest.fixture
def printery(lab, quick, install):
    """The package, with tests that know nothing of its engraving but import a module that engraves."""
    lab.quick = quick
    install(lab.site, PACKAGE, name="printery")
    lab.suite = lab.work
    (lab.work / "test_users.py").write_text(USERS)
    (lab.work / "test_others.py").write_text(HEADS["module"] + textwrap.dedent(OTHERS))
    return lab


@pytest.fixture
def analyze(printery):
    """Analyze the engraving; returns what ran, and the plan."""

    def ask(*options, with_command=UNITTEST["with_command"], without_command=UNITTEST["without_command"], **variables):
        plan = printery.work / "it.plan.toml"
        words = ("--feature", "engraving", "--with", with_command, "--without", without_command, "--plan", plan, *options)
        return printery.meterize("analyze", "printery", *words, **variables), plan

    return ask


def said(ran):
    """What an analysis that found nothing says."""
    assert ran.code == 1, ran
    error = ran.json()["error"]
    assert error["slug"] == "nothing-unique"
    return " ".join(error["details"])


def test_what_runs_outside_the_tests_stays_there_unless_asked_to(printery, analyze):
    plain, _ = analyze()
    printery.refused(
        plain, 1, "nothing-unique", "what ran outside the tests of --without", "executes engrave (printery/press.py:2) too",
        "which all 3 feature tests would pass, and no other",
    )  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_what_runs_outside_the_tests_is_sorted_to_the_feature_if_asked_to(printery, analyze, head):
    (printery.work / "test_others.py").write_text(HEADS[head] + OTHERS)
    ran, plan = analyze("--refine", "--json")
    assert ran.code == 0, ran
    answer = ran.json()
    assert [point["qualname"] for point in answer["hook_points"]] == ["engrave"]
    assert answer["selection"] == {
        "feature_tests": [f"test_users.Users.test_{name}" for name in ("letter", "twice", "word")],
        "rest_tests": [f"test_others.Others.test_{name}" for name in ("cut", "nothing")],
        "moved_to_feature": [], "moved_to_rest": [], "outside": "feature",
    }  # fmt: skip
    assert any("passes engrave (printery/press.py:2), so that such an import is a use" in text for text in answer["warnings"])

    printery.instrument(plan, "--policy", "every")
    verdict = printery.ask("verify", plan)
    assert (verdict["verdict"], verdict["rest_tests"]["fired"]) == ("passed", 0)
    assert any("counted outside any test" in text and "as the plan has it" in text for text in verdict["warnings"])


def test_a_plan_that_knows_of_no_use_outside_the_tests_is_not_proved(printery, analyze):
    _, plan = analyze("--refine")
    plan.write_text(plan.read_text().replace('outside = "feature"', 'outside = "rest"'))
    printery.instrument(plan, "--policy", "every")
    verdict = printery.ask("verify", plan, code=1)
    [reason] = verdict["reasons"]
    assert reason.startswith("1 use was counted outside the rest tests")


def test_what_the_package_s_own_import_runs_is_nobody_s(printery, analyze):
    (printery.site / "printery/__init__.py").write_text("from .samples import SAMPLE\n" + PACKAGE["printery/__init__.py"])
    ran, _ = analyze("--refine", "--json")
    assert "`import printery, printery.press` alone runs it, and so is nobody's own" in said(ran)


def test_what_its_own_module_s_import_runs_is_nobody_s(printery, analyze):
    with (printery.site / "printery/press.py").open("a") as file:
        file.write("READY = engrave('ready')\n")
    ran, _ = analyze("--refine", "--json")
    assert "`import printery, printery.press` alone runs it, and so is nobody's own" in said(ran)


@pytest.mark.parametrize("trouble", ["import os; os.environ['INK']", "raise SystemExit(3)"])
def test_a_package_that_cannot_be_imported_alone(printery, analyze, trouble):
    (printery.site / "printery/__init__.py").write_text(
        f"import sys\nif sys.argv[0] == '-c':\n    {trouble}\n" + PACKAGE["printery/__init__.py"]
    )
    ran, _ = analyze("--refine", "--json")
    assert "ran while tests were imported too (whether `import printery, printery.press` alone does that is not" in said(ran)


def test_the_import_is_kept_as_suites_are(printery, analyze, tmp_path):
    kept = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    first, plan = analyze("--refine", **kept)
    assert first.code == 0, first
    text = plan.read_text()
    assert len(list((tmp_path / "cache/meterize/runs").iterdir())) == 3
    again, _ = analyze("--refine", **kept)
    assert again.out.count("did not run now") == 2
    assert plan.read_text() == text


def test_nothing_is_imported_where_that_changes_nothing(printery, analyze, tmp_path):
    (printery.work / "test_others.py").write_text("import unittest\nfrom printery import cut\n" + OTHERS)
    ran, plan = analyze("--refine", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert ran.code == 0, ran
    assert 'outside = "rest"' in plan.read_text()
    assert len(list((tmp_path / "cache/meterize/runs").iterdir())) == 2


def test_a_place_that_is_named(printery, analyze):
    """By hand, even one that the package's own import runs: without --refine the verdict tells what follows."""
    (printery.site / "printery/__init__.py").write_text("from .samples import SAMPLE\n" + PACKAGE["printery/__init__.py"])
    ran, plan = analyze("--at", "printery.press:engrave")
    assert ran.code == 0, ran
    assert "passes engrave (printery/press.py:2) too: verify will tell" in ran.err
    printery.instrument(plan, "--policy", "every")
    assert "outside the rest tests" in printery.ask("verify", plan, code=1)["reasons"][0]

    printery.ask("strip", "printery")
    ran, plan = analyze("--at", "printery.press:engrave", "--refine")
    assert ran.code == 0, ran
    printery.instrument(plan, "--policy", "every")
    assert printery.ask("verify", plan)["verdict"] == "passed"


def test_with_pytest_and_a_test_that_is_sorted_too(printery, analyze):
    command = "python -m pytest -q -p no:cacheprovider"
    with (printery.work / "test_others.py").open("a") as file:
        file.write("    def test_sample(self): printery.samples.engrave('more')\n")
    ran, plan = analyze("--refine", "--json", with_command=f"{command} -k Users", without_command=f"{command} -k 'not Users'")
    assert ran.code == 0, ran
    selection = ran.json()["selection"]
    assert (selection["moved_to_feature"], selection["outside"]) == (["test_others.py::Others::test_sample"], "feature")
    printery.instrument(plan, "--policy", "every")
    assert printery.ask("verify", plan)["verdict"] == "passed"


def test_one_of_several_features(printery, quick):
    (printery.work / "test_cutters.py").write_text(
        "import unittest\nfrom printery import cut\nclass Cutters(unittest.TestCase):\n"
        "    def test_cut(self): cut('a')\n    def test_more(self): cut('b')\n"
    )
    (printery.work / "test_others.py").write_text("import unittest, printery.samples\n" + OTHERS.replace("cut(", "len("))
    (printery.work / "features.toml").write_text(
        f'[rest]\ncommand = "{UNITTEST["without_command"]}"\n[feature.engraving]\nwith = "{UNITTEST["with_command"]}"\n'
        '[feature.cutting]\nwith = "python -m unittest test_cutters"\n'
    )
    answer = printery.ask("analyze", "printery", "--features", "features.toml", "--refine")
    found = {each["feature"]: each for each in answer["features"]}
    assert {name: each["selection"]["outside"] for name, each in found.items()} == {"engraving": "feature", "cutting": "rest"}
    printery.instrument(printery.work / answer["plan"], "--policy", "every")
    assert printery.ask("verify", answer["plan"])["verdict"] == "passed"
