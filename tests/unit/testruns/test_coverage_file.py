"""The data file that other tools read, and coverage.py running in the user's own command."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from meterize.cpython.versions import HAS_MONITORING
from meterize.errors import TargetError
from meterize.testruns import save_coverage

_TESTS = textwrap.dedent("""
    import os, subprocess, sys, shop
    def test_net(): shop.net(1)
    def test_gross(): shop.gross(1)
    def test_child(): subprocess.run([sys.executable, "-c", "import shop; shop.net(1, True)"], check=True)
""")

_CORES = ["ctrace", "sysmon"] if HAS_MONITORING else ["ctrace"]


def _lines_of(path):
    import coverage

    data = coverage.CoverageData(basename=str(path))
    data.read()
    (file,) = [name for name in data.measured_files() if name.endswith("shop/prices.py")]
    found = {}
    for line, contexts in data.contexts_by_lineno(file).items():
        for context in contexts:
            found.setdefault(context, set()).add(line)
    return found


def test_a_file_with_a_context_for_each_test(suite):
    suite.write(test_shop=_TESTS)
    run = suite.collect("python -m pytest -q test_shop.py -k 'net'")
    rest = suite.collect("python -m pytest -q test_shop.py -k 'not net'")
    path = suite.root / "data"
    save_coverage({"with": run, "without": rest}, suite.package, path)
    lines = _lines_of(path)
    assert lines["with|test_shop.py::test_net"] == {1, 2, 3}
    assert lines["without|test_shop.py::test_gross"] == {6, 7}
    assert {2, 3} < lines["without|test_shop.py::test_child"]
    assert {1, 6, 10, 15, 16, 19} <= lines["with|"]
    assert 2 not in lines["with|"]


def test_coverage_shows_it(suite):
    suite.write(test_shop=_TESTS)
    path = suite.root / "data"
    save_coverage({"with": suite.collect("python -m pytest -q test_shop.py")}, suite.package, path)
    for report in (["report", "--show-missing"], ["html", "--show-contexts", "-d", str(suite.root / "html")]):
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *report, f"--data-file={path}"],
            cwd=suite.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    page = next((suite.root / "html").glob("*prices_py.html")).read_text()
    assert "with|test_shop.py::test_net" in page


def test_a_file_that_is_there_is_replaced(suite):
    suite.write(test_shop=_TESTS)
    run = suite.collect("python -m pytest -q test_shop.py -k net")
    path = suite.root / "data"
    path.write_text("no database")
    save_coverage({"with": run}, suite.package, path)
    save_coverage({"without": run}, suite.package, path)
    assert {context.partition("|")[0] for context in _lines_of(path)} == {"without"}


def test_a_folder_that_is_not_there(suite):
    suite.write(test_shop=_TESTS)
    run = suite.collect("python -m pytest -q test_shop.py -k net")
    with pytest.raises(TargetError) as caught:
        save_coverage({"with": run}, suite.package, suite.root / "nowhere" / "data")
    assert caught.value.slug == "data-file-unwritable"


@pytest.fixture(scope="module")
def _pytest_cov():
    pytest.importorskip("pytest_cov")


def _alone(suite, command, **variables):
    """What coverage.py reports without us."""
    environment = {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "PYTHONPATH": str(suite.site), **variables}
    subprocess.run(command, shell=True, cwd=suite.work, env=environment, check=True, capture_output=True)
    return _reported(suite)


def _reported(suite):
    subprocess.run([sys.executable, "-m", "coverage", "combine", "-q"], cwd=suite.work, check=False, capture_output=True)
    subprocess.run([sys.executable, "-m", "coverage", "json", "-q"], cwd=suite.work, check=True, capture_output=True)
    report = json.loads((suite.work / "coverage.json").read_text())
    (suite.work / ".coverage").unlink()
    return {name: (file["executed_lines"], file.get("executed_branches")) for name, file in report["files"].items()}


@pytest.mark.parametrize("core", _CORES)
@pytest.mark.parametrize("branch", ["", "--branch"])
def test_coverage_run_beside_us(suite, read_tests, core, branch):
    suite.write(test_shop=_TESTS)
    command = f"python -m coverage run {branch} --source={suite.site}/shop -m pytest -q test_shop.py"
    alone = _alone(suite, command, COVERAGE_CORE=core)
    record = suite.collect(command, COVERAGE_CORE=core)
    assert read_tests(record) == {
        "test_shop.py::test_net": {"net"},
        "test_shop.py::test_gross": {"gross"},
        "test_shop.py::test_child": {"net", "Basket"},
    }
    assert record.tests[0].executed == suite.collect("python -m pytest -q test_shop.py").tests[0].executed
    assert _reported(suite) == alone


@pytest.mark.parametrize("core", _CORES)
def test_coverage_of_children_beside_us(suite, read_tests, core):
    suite.write(test_shop=_TESTS)
    settings = suite.work / "settings"
    settings.write_text(f"[run]\nparallel = true\ncore = {core}\nsource = {suite.site}/shop\n")
    suite.install({"sitecustomize.py": "import coverage\ncoverage.process_startup()\n"})
    command = "python -m pytest -q test_shop.py"
    alone = _alone(suite, command, COVERAGE_PROCESS_START=str(settings))
    record = suite.collect(command, COVERAGE_PROCESS_START=str(settings))
    assert read_tests(record)["test_shop.py::test_child"] == {"net", "Basket"}
    assert _reported(suite) == alone
    assert alone


@pytest.mark.usefixtures("_pytest_cov")
@pytest.mark.parametrize("core", _CORES)
def test_pytest_cov_beside_us(suite, read_tests, core):
    suite.write(test_shop=_TESTS)
    command = f"python -m pytest -q --cov={suite.site}/shop --cov-context=test test_shop.py"
    alone = _alone(suite, command, COVERAGE_CORE=core)
    record = suite.collect(command, COVERAGE_CORE=core)
    assert read_tests(record)["test_shop.py::test_net"] == {"net"}
    assert _reported(suite) == alone
