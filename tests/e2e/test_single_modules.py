"""Distributions that are a module on their own, several of one site folder: all the way, and apart from names like theirs."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest

TARIFF = """\
import sys


def quote(amount):
    return amount + fee(amount)


def fee(amount):
    if amount > 100:
        return 0
    return 5


def refund(amount):
    return -amount


if __name__ == "__main__":
    print(quote(int(sys.argv[1])))
"""
TESTS = """\
import subprocess
import sys
import unittest

import tariff
import tariff_more


class QuoteTest(unittest.TestCase):
    def test_small(self):
        self.assertEqual(tariff.quote(10), 15)

    def test_large(self):
        self.assertEqual(tariff.quote(200), 200)

    def test_command(self):
        self.assertEqual(subprocess.check_output([sys.executable, "-m", "tariff", "10"]), b"15\\n")


class RefundTest(unittest.TestCase):
    def test_refund(self):
        self.assertEqual(tariff.refund(10), -10)

    def test_other(self):
        self.assertEqual(tariff_more.quote(10), 15)


class MoreRefundTest(unittest.TestCase):
    def test_other(self):
        self.assertEqual(tariff_more.refund(10), -10)
"""
FEATURES = """\
[feature.quote]
with = "python -m unittest test_tariff.QuoteTest"
without = "python -m unittest test_tariff.RefundTest"
policy = "every"

[feature.more-quote]
package = "tariff_more"
with = "python -m unittest test_tariff.RefundTest.test_other"
without = "python -m unittest test_tariff.MoreRefundTest"
policy = "every"

[feature.irrigation]
package = "greenhouse"
with = "python -m unittest test_irrigation"
without = "python -m unittest test_climate test_readings"
policy = "every"
"""
COMMANDS = ("--with", "python -m unittest test_tariff.QuoteTest", "--without", "python -m unittest test_tariff.RefundTest")


QUIET = {"PYTHONDONTWRITEBYTECODE": "1"}
"""For runs after which a folder is compared: Python itself compiles what it imports there."""


@pytest.fixture(autouse=True)
def tariff(lab, quick, install):
    """Two modules of two distributions, never compiled, and their tests in the folder that the tool is started in."""
    install(lab.site, {"tariff.py": TARIFF}, name="Tariff-Dist")
    install(lab.site, {"tariff_more.py": TARIFF}, name="tariff-more")
    (lab.work / "test_tariff.py").write_text(TESTS)
    lab.quick = quick


def analyze(lab, *options, name="tariff"):
    return lab.ask("analyze", name, "--feature", "quote", *COMMANDS, "--plan", "quote.toml", *options, **QUIET)


def hooked(answer):
    return [(hook["file"], hook["qualname"]) for hook in answer["hook_points"]]


def uses(lab):
    return Counter({(each["package"], each["feature"]): each["uses"] for each in lab.ask("usage")["uses"]})


def compiled(lab):
    """The modules in the folder that all single modules share, if it is there."""
    cache = lab.site / "__pycache__"
    return Counter(path.name.split(".")[0] for path in cache.iterdir()) if cache.exists() else None


@pytest.mark.parametrize(("policy", "count"), [("once", 2), ("every", 4)])
def test_from_analyze_to_strip(lab, snapshot_of, policy, count):
    if policy == "once":
        lab.quick = None  # an interpreter for each step, as a user has it
        lab.use("import tariff, tariff_more")
    before = snapshot_of(lab.venv)
    others = {"tariff_more": 1} if policy == "once" else {}
    assert hooked(analyze(lab, name="Tariff_Dist")) == [("tariff.py", "quote")]
    assert snapshot_of(lab.venv) == before

    assert lab.ask("instrument", "quote.toml", "--policy", policy)["changed"] is True
    assert compiled(lab) == {"tariff": 3, **others}
    [package] = lab.ask("status", "tariff")["packages"]
    assert (package["name"], package["distribution"], package["intact"]) == ("tariff", "Tariff-Dist", True)
    calls = "[(tariff.quote(1), tariff_more.quote(1), tariff.refund(1)) for _ in range(3)]"
    lab.use(f"import tariff, tariff_more; {calls}", **QUIET)
    assert lab.use("-m", "tariff", "7", **QUIET).out == "12\n"
    assert uses(lab) == {("Tariff-Dist", "quote"): count}
    verdict = lab.ask("verify", "quote.toml", **QUIET)
    assert (verdict["verdict"], verdict["feature_tests"]["fired"], verdict["rest_tests"]["fired"]) == ("passed", 3, 0), verdict
    assert lab.ask("strip", "tariff")["packages"][0]["identical"]
    assert snapshot_of(lab.venv) == before


@pytest.mark.parametrize("spot", ["tariff:fee", "tariff.py:fee:11"])
def test_a_place_that_is_named(lab, spot):
    ran = lab.meterize("analyze", "tariff", "--feature", "quote", *COMMANDS, "--at", spot, "--json")
    assert hooked(ran.json()) == [("tariff.py", "fee")], ran


def test_two_modules_and_a_package_in_one_plan(lab, snapshot_of):
    for name in ("test_irrigation.py", "test_climate.py", "test_readings.py"):
        shutil.copyfile(lab.suite / name, lab.work / name)
    (lab.work / "features.toml").write_text(FEATURES)
    before = snapshot_of(lab.venv)
    lab.ask("analyze", "tariff", "--features", "features.toml", "--plan", "all.toml", **QUIET)
    lab.instrument(lab.work / "all.toml")
    lab.use("import tariff, tariff_more; tariff.quote(1); tariff_more.quote(1); tariff_more.quote(2)")
    assert uses(lab) == {("Tariff-Dist", "quote"): 1, ("tariff-more", "more-quote"): 2}
    assert lab.ask("verify", "all.toml", **QUIET)["verdict"] == "passed"
    for name in ("greenhouse", "tariff"):
        assert lab.ask("strip", name)["packages"][0]["identical"]
    assert compiled(lab) == {"tariff_more": 3}
    lab.use("import tariff_more; tariff_more.quote(1)")
    assert uses(lab) == {("Tariff-Dist", "quote"): 1, ("tariff-more", "more-quote"): 3}
    assert lab.ask("strip", "--all")["packages"][0]["identical"]
    assert snapshot_of(lab.venv) == before


def test_a_new_version_that_is_a_folder(lab, install):
    analyze(lab)
    lab.instrument(lab.work / "quote.toml")
    (lab.site / "tariff.py").unlink()
    shutil.rmtree(next(lab.site.glob("Tariff_Dist-1.0.dist-info")))
    install(lab.site, {"tariff/__init__.py": TARIFF}, name="Tariff-Dist", version="2.0")
    [package] = lab.ask("status", code=1)["packages"]
    assert {file["state"] for file in package["files"]} == {"source-gone"}
    lab.refused(lab.meterize("instrument", "quote.toml"), 4, "plan-out-of-date", "tariff.py")
    assert lab.use("import tariff; print(tariff.quote(1))").out == "6\n"
    lab.ask("strip", "tariff")
    assert compiled(lab) is None


def test_edited_it_runs_unmetered(lab):
    analyze(lab)
    lab.instrument(lab.work / "quote.toml", "--policy", "every")
    (lab.site / "tariff.py").write_text(TARIFF.replace("return 5", "return 6"))
    [package] = lab.ask("status", code=1)["packages"]
    assert {file["state"] for file in package["files"]} == {"source-touched"}
    assert lab.use("import tariff; print(tariff.quote(1))", **QUIET).out == "7\n"
    assert uses(lab) == {}
