"""coverage.py reports the same lines and branches, whichever way it measures."""

from __future__ import annotations

import pytest

from meterize.cpython.versions import HAS_MONITORING

CORES = ["ctrace", pytest.param("pytrace", marks=pytest.mark.slow), *(["sysmon"] if HAS_MONITORING else [])]


@pytest.mark.parametrize("core", CORES)
def test_the_same_lines_and_branches(twins, core):
    twins.compare(
        """
        import coverage, sys
        for branch in (True, False):
            measure = coverage.Coverage(data_file=None, include=["*/metered.py"], branch=branch)
            measure.start()
            import metered
            metered.classify(4), metered.add(1), metered.use(), metered.match([1]), list(metered.walk(1))
            measure.stop()
            data = measure.get_data()
            print(sorted(data.lines(metered.__file__)), sorted(data.arcs(metered.__file__) or []))
            _, statements, _, missing, text = measure.analysis2(metered.__file__)
            print(statements, missing, text)
            del sys.modules["metered"]
        """,
        environment={"COVERAGE_CORE": core},
        fires=False,
    )


@pytest.mark.slow
def test_measured_from_the_outside(twins):
    """As people call it: the same report, whole."""
    script = "import metered\nprint(metered.main())\n"
    reports = []
    for prepare in (twins.strip, twins.meter):
        prepare()
        ran = twins.run(script, "-m", "coverage", "run", "--branch", "--include=metered.py", "--data-file=data")
        report = twins.run("import coverage.cmdline; coverage.cmdline.main(['report', '-m', '--data-file=data'])")
        assert "metered.py" in report.out
        reports.append((ran.told, report.told))
    assert reports[0] == reports[1]
