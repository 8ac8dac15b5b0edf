"""Runs one of CPython's test files inside a tree, and writes the outcome of each test as a line of JSON.

python inside.py OUT test.test_json

Standard library only, and as little as can be before the hooks are armed; this file itself has none.
"""

# ruff: noqa: PTH123  # pathlib is no light import
import builtins
import faulthandler
import gc
import json
import marshal
import random
import signal
import sys
import types
import unittest

TRACEBACK = 2500
"""Characters of a traceback that are kept: its end."""


def living_functions():
    """Code objects of the functions there are, by file, name and line."""
    found = {}
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType):
            code = thing.__code__
            found[code.co_filename, code.co_qualname, code.co_firstlineno] = code
    return found


def arm_early_modules():
    """Arm the hooks of modules that were imported before ``site`` had put the runtime on the path, such as os and codecs.

    Their code has run, so their tables are read again from the .pyc and led to the functions that live.
    """
    door = getattr(builtins, "__meterize__", None)
    if door is None:
        return 0
    import meterize_hooks

    armed, living, count = set(door.hooks), living_functions(), 0
    for module in list(sys.modules.values()):
        loaded = load(getattr(module, "__cached__", None))
        if loaded is None:
            continue
        table = next((const for const in loaded.co_consts if isinstance(const, tuple) and const[:2] == ("meterize", 1)), None)
        if table is None or not table[4] or table[4][0][0] in armed:
            continue
        consts = tuple(as_it_lives(const, module.__file__, living) for const in loaded.co_consts)
        # The runtime takes its caller's code for the module's.
        caller = compile("arm(table)", module.__file__, "exec").replace(co_consts=consts)
        exec(caller, {"arm": meterize_hooks.arm, "table": table})
        count += 1
    return count


def as_it_lives(const, file, living):
    if not isinstance(const, types.CodeType):
        return const
    alive = living.get((file, const.co_qualname, const.co_firstlineno))
    if alive is not None:
        return alive
    return const.replace(co_consts=tuple(as_it_lives(one, file, living) for one in const.co_consts))


def load(path):
    if not path:
        return None
    try:
        with open(path, "rb") as file:
            code = marshal.loads(file.read()[16:])
    except (OSError, ValueError, EOFError, TypeError):
        return None
    return code if isinstance(code, types.CodeType) else None


class Outcomes(unittest.TestResult):
    """Each test's outcome, as soon as it is known: a later crash loses none."""

    def __init__(self, out):
        super().__init__()
        self._out = out
        self._now = None
        self._seen = {}

    def write(self, **line):
        self._out.write(json.dumps(line) + "\n")
        self._out.flush()

    def end(self, name, outcome, details=""):
        number = self._seen[name] = self._seen.get(name, 0) + 1
        self.write(id=name if number == 1 else f"{name}#{number}", outcome=outcome, details=details)

    def _note(self, test, outcome, error=None):
        """Of several (a failure, then an error while cleaning up; parts of a test) the first that is no success stays."""
        details = self._exc_info_to_string(error, test)[-TRACEBACK:] if error else ""
        if self._now is None:  # setUpClass and the like; a class that is skipped (3.12.1)
            self.end(test.id(), outcome, details)
        elif self._now[0] in {"passed", None}:
            self._now = (outcome, details)

    def startTest(self, test):
        super().startTest(test)
        self._now = (None, "")

    def stopTest(self, test):
        super().stopTest(test)
        if self._now is not None:
            outcome, details = self._now
            self._now = None
            self.end(test.id(), outcome or "passed", details)

    def addSuccess(self, test):
        self._note(test, "passed")

    def addError(self, test, err):
        self._note(test, "error", err)

    def addFailure(self, test, err):
        self._note(test, "failed", err)

    def addSkip(self, test, reason):
        self._note(test, "skipped")

    def addExpectedFailure(self, test, err):
        self._note(test, "failed as expected")

    def addUnexpectedSuccess(self, test):
        self._note(test, "passed unexpectedly")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            is_failure = issubclass(err[0], test.failureException)
            self._note(test, "failed" if is_failure else "error", err)


def prepare():
    """As CPython's own runner does: no costly tests, a fixed seed."""
    from test import support

    support.use_resources = {"subprocess": None}
    support.verbose = 0
    support.record_original_stdout(sys.stdout)
    # Of tests that wait for others: the machine may be busy.
    support.LOOPBACK_TIMEOUT = 60.0
    support.SHORT_TIMEOUT = 120.0
    random.seed(20)
    # Started by a shell in the background, a process does not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main():
    path, name = sys.argv[1:]
    sys.path[0] = ""
    sys.argv[1:] = []
    faulthandler.enable()
    late = arm_early_modules()
    with open(path, "w", encoding="utf-8") as out:
        outcomes = Outcomes(out)
        prepare()
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName(name)
        except unittest.SkipTest:
            outcomes.end(name, "skipped")
        else:
            suite.run(outcomes)
        door = getattr(builtins, "__meterize__", None)
        fired = sum(map(bool, door.snapshot().values())) if door else 0
        outcomes.write(armed=len(door.hooks) if door else 0, fired=fired, late=late)


if __name__ == "__main__":
    main()
