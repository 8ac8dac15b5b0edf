"""Runs the tests of a package inside its environment, and writes the outcome of each as a line of JSON.

python [-P] recorder.py OUT pytest|unittest ARGUMENT...

Runs on what the environment has: the standard library, and pytest where that is asked for. Each warning that pytest shows is
a line too, and how the session ended; the last line has the hooks.
"""

import builtins
import json
import re
import sys
import unittest
from pathlib import Path

TRACEBACK = 2500
"""Characters of a traceback that are kept: its end."""
ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
LETTERS = 120
"""Of a warning that are kept; the rest may hold what is new in each run."""


class Recorder:
    """A plugin for pytest: of setup, call, teardown and subtests the first that did not pass is the test's outcome."""

    def __init__(self, out):
        self._out = out
        self._now = {}
        self._warned = set()

    def write(self, **line):
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()

    def pytest_runtest_logreport(self, report):
        outcome, details = self._now.get(report.nodeid, ("passed", ""))
        if outcome == "passed":
            self._now[report.nodeid] = (name_outcome(report), "" if report.passed else report.longreprtext[-TRACEBACK:])
        if report.when == "teardown":
            outcome, details = self._now.pop(report.nodeid)
            self.write(id=report.nodeid, outcome=outcome, details=details)

    def pytest_collectreport(self, report):
        if not report.passed:
            self.write(id=f"{report.nodeid} (collection)", outcome=report.outcome, details=report.longreprtext[-TRACEBACK:])

    def pytest_warning_recorded(self, warning_message):
        text = ADDRESS.sub("0x…", str(warning_message.message)).replace(str(Path.cwd().parent), "…")
        name = f"{warning_message.category.__name__}: {text.partition(chr(10))[0][:LETTERS]} (warning)"
        if name not in self._warned:
            self._warned.add(name)
            self.write(id=name, outcome="given", details="")

    def pytest_sessionfinish(self, exitstatus):
        # That tests failed is said by those.
        self.write(id="(session)", outcome=f"exit status {int(exitstatus)}" if exitstatus > 1 else "ended", details="")


def name_outcome(report):
    if report.failed:
        return "failed" if report.when == "call" else "error"
    if hasattr(report, "wasxfail"):
        return "failed as expected" if report.skipped else "passed unexpectedly"
    return report.outcome


class Runner:
    """What ``unittest.main`` runs tests with."""

    def __init__(self, outcomes):
        self._outcomes = outcomes

    def run(self, suite):
        suite.run(self._outcomes)
        return self._outcomes


def run_unittest(out, arguments):
    place = str(Path(__file__).parent)
    sys.path.insert(0, place)
    from inside import Outcomes

    sys.path.remove(place)
    unittest.main(module=None, argv=["python -m unittest", *arguments], testRunner=Runner(Outcomes(out)), exit=False)


def run_pytest(out, arguments):
    import pytest

    pytest.main(["-q", "-p", "no:cacheprovider", *arguments], plugins=[Recorder(out)])


def main():
    path, framework, *arguments = sys.argv[1:]
    if not sys.flags.safe_path:
        sys.path[0] = str(Path.cwd())  # as with python -m; so far it is this file's folder
    sys.argv[1:] = arguments
    with Path(path).open("w", encoding="utf-8") as out:
        {"pytest": run_pytest, "unittest": run_unittest}[framework](out, arguments)
        door = getattr(builtins, "__meterize__", None)
        fired = [hook for hook, uses in door.snapshot().items() if uses] if door else []
        out.write(json.dumps({"armed": len(door.hooks) if door else 0, "fired": fired}) + "\n")


if __name__ == "__main__":
    main()
