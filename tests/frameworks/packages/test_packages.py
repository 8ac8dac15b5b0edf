"""The torture of packages: all the way with a package of this repository, and what it must notice, with planted faults."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import tomllib

import pytest
from tests.frameworks.explanations import Explanations, read_explanations
from tests.frameworks.packages.__main__ import DIFFERENCES, choose, main
from tests.frameworks.packages.comparison import Conditions, compare_suite, find_lost
from tests.frameworks.packages.environments import RECORDERS, Lab, make_environment, modules_of, plant
from tests.frameworks.packages.runs import SuiteRun, read_run
from tests.frameworks.packages.suites import RECIPES, read_suites
from tests.frameworks.ways import METERED


@pytest.fixture
def greenhouse():
    return choose(["greenhouse"])[0]


@pytest.fixture
def conditions(tmp_path):
    return Conditions(
        ways=METERED, folder=tmp_path, explanations=Explanations(reasons={}, entries=()), version="3.x", seconds=60
    )


def test_a_package_all_the_way(tmp_path, capsys):
    assert main(["greenhouse", "--folder", str(tmp_path / "kept"), "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(one["way"], bool(one["fired"]), one["differences"]) for one in found["compared"]] == [
        ("every", True, []),
        ("once", True, []),
        ("absent", False, []),
    ]
    assert len({one["tests"] for one in found["compared"]}) == 1
    assert found["compared"][0]["tests"] >= 29
    assert found["compared"][0]["hooks"] > 100
    assert "unexplained" in capsys.readouterr().out


def test_a_test_that_can_tell_is_a_difference_and_one_that_removes_hooks_makes_the_run_worthless(greenhouse, conditions):
    made = make_environment(greenhouse, conditions.folder)
    (made / "tree" / "tests" / "test_planted.py").write_text(
        textwrap.dedent("""
            import builtins
            import importlib.util
            import os
            import unittest

            import greenhouse.irrigation

            class Planted(unittest.TestCase):
                def test_nobody_counts(self):
                    self.assertFalse(hasattr(builtins, "__meterize__"))

                def test_tidies_up(self):
                    os.unlink(importlib.util.cache_from_source(greenhouse.irrigation.__file__))
        """)
    )
    found = {one.way: one for one in compare_suite(greenhouse, conditions)}
    changed = [f"irrigation.{sys.implementation.cache_tag}.pyc was changed by a test"]
    for way in ("every", "once"):
        (difference,) = found[way].differences
        assert difference.test == "greenhouse: test_planted.Planted.test_nobody_counts"
        assert set(difference.bare) == {"passed"}
        assert difference.hooked == ("failed",) * 3
        assert "True is not false" in difference.details
        assert found[way].broken[0] == changed[0]
    # Its runtime is missing: nobody can tell by that.
    assert (found["absent"].differences, list(found["absent"].broken)) == ((), changed)


def test_an_environment_stays_as_it_was_made(greenhouse, tmp_path):
    made = make_environment(greenhouse, tmp_path)
    (made / "venv" / "bin" / "__pycache__").mkdir()  # packages install scripts that are modules
    before = {path: path.read_bytes() for path in (made / "venv").rglob("*.py*") if path.is_file()}
    plant(made, greenhouse, ("bare", "every"))
    assert {path: path.read_bytes() for path in before} == before
    assert not any("meterize" in path.name for path in made.rglob("*") if "ways" not in path.parts)


def test_tests_inside_a_package_are_not_hooked(greenhouse, tmp_path):
    for name in ("greenhouse/__init__.py", "greenhouse/tests/test_it.py", "greenhouse/deep/er.py", "other.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in modules_of(tmp_path, greenhouse)]
    assert found == ["greenhouse/__init__.py", "greenhouse/deep/er.py"]


SUITE = """
import unittest, warnings
import pytest

@pytest.fixture
def broken():
    raise OSError("no")

@pytest.fixture
def breaks_later():
    yield
    raise OSError("late")

def test_good(): pass
def test_bad(): assert 1 == 2
def test_left(): pytest.skip("not now")
def test_setup(broken): pass
def test_teardown(breaks_later): pass
@pytest.mark.xfail
def test_known(): assert 0
@pytest.mark.xfail
def test_mended(): pass
def test_warns(): warnings.warn("at 0x7f00", UserWarning)
"""


def test_outcomes_of_every_kind_are_recorded(tmp_path):
    (tmp_path / "test_kinds.py").write_text(SUITE)
    (tmp_path / "test_unreadable.py").write_text("import nothing_of_that_name\n")
    out = tmp_path / "out"
    command = [sys.executable, RECORDERS[0], out, "pytest", "-p", "no:xdist", "--continue-on-collection-errors", tmp_path]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    *rows, counts = map(json.loads, out.read_text().splitlines())
    outcomes = {row["id"].rpartition("::")[2]: row["outcome"] for row in rows}
    assert outcomes == {
        "test_unreadable.py (collection)": "failed",
        "test_good": "passed",
        "test_bad": "failed",
        "test_left": "skipped",
        "test_setup": "error",
        "test_teardown": "error",
        "test_known": "failed as expected",
        "test_mended": "passed unexpectedly",
        "test_warns": "passed",
        "UserWarning: at 0x… (warning)": "given",
        "(session)": "ended",
    }
    assert counts == {"armed": 0, "fired": []}


def test_a_test_has_the_same_id_in_each_way(greenhouse, tmp_path):
    for way in ("bare", "once"):
        folder, out = tmp_path / way, tmp_path / "out"
        out.write_text(json.dumps({"id": f"test_it[{folder}/tree/a.txt]", "outcome": "passed", "details": ""}) + "\n")
        lab = Lab(suite=greenhouse, way=way, folder=folder, saturation=None, digests={})
        run = read_run(out, lab, "ended", "")
        assert run.outcomes == {"greenhouse: (process)": "ended", "greenhouse: test_it[…/tree/a.txt]": "passed"}


def test_a_hook_that_went_away_without_a_count_is_found():
    def runs(*used):
        return [SuiteRun(outcomes={}, used=frozenset(hooks)) for hooks in used]

    assert find_lost({"every": runs("abc"), "once": runs("ab", "a")}, "once") == {"c"}
    assert find_lost({"every": runs("abc", "ab"), "once": runs("ab")}, "once") == frozenset()
    assert (
        find_lost({"once": runs("ab")}, "once")
        == find_lost({"every": runs("abc"), "absent": runs("")}, "absent")
        == frozenset()
    )


def test_all_packages_of_the_recipes_are_there_and_five_more():
    suites = read_suites()
    recipes = {table.get("distribution", table["name"]) for table in tomllib.loads(RECIPES.read_text())["recipe"]}
    names = {suite.distribution or suite.name for suite in suites.values()}
    assert recipes < names
    assert len(names - recipes) >= 5


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('recipe = "nothing"', "there is no recipe nothing"),
        ('recipe = "tablib-xlsx"\ncolour = "red"', "unknown colour"),
        ('distribution = "shop"', "neither a recipe"),
    ],
)
def test_a_bad_list_of_suites_is_refused(tmp_path, line, complaint):
    (tmp_path / "suites.toml").write_text(f'[[suite]]\nname = "shop"\nhooked = ["shop"]\nrun = "pytest"\n{line}\n')
    with pytest.raises(ValueError, match=complaint):
        read_suites(tmp_path / "suites.toml")


def test_every_explanation_is_about_a_listed_suite():
    names = tuple(f"{name}: " for name in read_suites())
    for entry in read_explanations(DIFFERENCES).entries:
        assert all(pattern.startswith(names) for pattern in entry.tests), entry.tests
