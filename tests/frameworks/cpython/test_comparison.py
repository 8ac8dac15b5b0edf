"""Some of CPython's tests with every block hooked, and planted faults that the comparison must notice."""

from __future__ import annotations

import json
import textwrap

import pytest
from tests.frameworks.cpython.__main__ import DIFFERENCES, main
from tests.frameworks.cpython.files import FEW, files_of, listed_files
from tests.frameworks.cpython.runs import run_file
from tests.frameworks.cpython.trees import plant
from tests.frameworks.explanations import read_explanations

from meterize.cpython.versions import SUPPORTED

PARTS = ["contextlib", "textwrap", "unittest"]
"""What is hooked here: the rest would take minutes."""

ODD_ONE_OUT = textwrap.dedent("""
    import os, textwrap, unittest

    class T(unittest.TestCase):
        def test_1_same(self):
            self.assertEqual(textwrap.fill("a b", 1), "a\\nb")

        def test_2_looks_at_bytecode(self):
            self.assertNotIn("__meterize__", textwrap.fill.__code__.co_names)
""")

CRASH = ODD_ONE_OUT + "\n    def test_3_crashes(self):\n        os.abort()\n"


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    return tmp_path_factory.mktemp("trees")


@pytest.fixture
def add_test_file(trees):
    """A file among CPython's own, in the trees of two ways."""

    def add(name, text):
        for way in ("bare", "every"):
            path = plant(way, trees, only=PARTS).folder
            next(path.glob("lib/python3.*/test")).joinpath(f"{name}.py").write_text(text)

    return add


def test_nothing_differs(trees, tmp_path):
    files = ["test_contextlib", "test_textwrap"]
    given = ["--files", *files, "--only", *PARTS, "--trees", str(trees), "--json", str(tmp_path / "out.json")]
    assert main(given) == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert [(row["way"], row["files"], row["unexplained"]) for row in found["summary"]] == [
        ("every", 2, 0),
        ("once", 2, 0),
        ("absent", 2, 0),
    ]
    assert all(row["tests"] > 100 for row in found["summary"])
    assert found["hooks"] > 1000
    assert {(one["way"], one["fired"] > 50) for one in found["compared"]} == {
        ("every", True),
        ("once", True),
        ("absent", False),
    }


def test_what_differs_is_reported(trees, tmp_path, add_test_file):
    add_test_file("test_odd_one_out", ODD_ONE_OUT)
    out = tmp_path / "out.json"
    given = ["--ways", "every", "--files", "test_odd_one_out", "--only", *PARTS, "--trees", str(trees), "--json", str(out)]
    assert main(given) == 1
    (compared,) = json.loads(out.read_text())["compared"]
    (difference,) = compared["differences"]
    assert difference["test"] == "test.test_odd_one_out.T.test_2_looks_at_bytecode"
    assert (difference["bare"], difference["hooked"]) == (["passed"] * 3, ["failed"] * 3)
    assert "__meterize__" in difference["details"]


def test_a_crash_loses_no_outcome(trees, add_test_file):
    add_test_file("test_crash", CRASH)
    run = run_file(plant("bare", trees, only=PARTS), "test_crash", 60)
    assert run.outcomes == {
        "test.test_crash (process)": "killed by SIGABRT",
        "test.test_crash.T.test_1_same": "passed",
        "test.test_crash.T.test_2_looks_at_bytecode": "passed",
    }
    assert "test_3_crashes" in run.details["test.test_crash (process)"]


def test_a_file_that_does_not_end_is_stopped(trees, add_test_file):
    add_test_file("test_sleepy", "import time\ntime.sleep(600)\n")
    run = run_file(plant("bare", trees, only=PARTS), "test_sleepy", 1)
    assert run.outcomes == {"test.test_sleepy (process)": "timed out"}


def test_a_tree_whose_compiled_modules_were_touched_is_planted_anew(tmp_path):
    tree = plant("every", tmp_path, only=["textwrap"])
    name = next(name for name in tree.written() if "/textwrap." in name)
    (tree.folder / name).unlink()
    assert tree.changed_files() == [name]
    assert plant("every", tmp_path, only=["textwrap"]).changed_files() == []


def test_every_explanation_is_about_a_listed_file():
    names = {name for name, _ in listed_files()}
    for entry in read_explanations(DIFFERENCES).entries:
        for pattern in entry.tests:
            assert any(pattern.startswith((f"test.{name}.", f"test.{name} ")) for name in names), pattern


def test_at_least_a_hundred_files_a_version():
    for major, minor in SUPPORTED:
        assert len(files_of(f"{major}.{minor}")) >= 100
    assert set(FEW) <= {name for name, _ in listed_files()}
