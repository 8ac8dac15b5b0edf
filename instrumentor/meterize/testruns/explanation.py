"""Says why a run gave nothing to work with."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

from meterize.errors import TestsError
from meterize.model.coverage import Outcome
from meterize.model.enumeration import first_few
from meterize.model.package import Package

from .session import Session
from .tests import Tests

_PYTEST_NOTHING_COLLECTED = 5
"""pytest's exit code, and unittest's since 3.12, if no test ran."""
_TESTS_FAILED = 1
"""pytest's exit code, and unittest's, if tests ran and some failed."""
_HARDLY_ANY = 50
"""At most one test in so many."""
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_SHOWN = 3


def require_tests(session: Session) -> None:
    """Raise TestsError (``no-tests``) if a test framework ran and found nothing."""
    began = any(journal.begun for journal in session.journals)
    if not began and session.notes("framework") and session.finished.exit_code in {0, _PYTEST_NOTHING_COLLECTED}:
        raise TestsError(
            f"no tests were collected by: {session.command}",
            slug="no-tests",
            hint="Run the command by hand; check the paths, the -k expression and the folder that it runs in (--cwd).",
            details=session.finished.tail,
        )


def require_success(session: Session, tests: Tests, *, allow_failures: bool = False) -> tuple[str, ...]:
    """Raise TestsError (``suite-failed``) unless the command ended with 0; what to warn of instead, where that is allowed.

    It is where hardly a test failed (a clock, a missing network), and where the user says so if most of them passed. A suite
    that broke off proves nothing.
    """
    code = session.finished.exit_code
    if code == 0:
        return ()
    outcomes = Counter(outcome for _, outcome in tests)
    failed = [test for test, outcome in tests if outcome is Outcome.FAILED] if not tests.is_script else []
    names = first_few(failed, _SHOWN)
    few = 0 < len(failed) < outcomes[Outcome.PASSED]
    hardly_any = few and code == _TESTS_FAILED and len(failed) * _HARDLY_ANY <= outcomes.total()
    if hardly_any or (allow_failures and few and code > 0):
        return (f"{len(failed)} of {outcomes.total()} tests failed and prove nothing: {names}. It was {session.command}",)
    hint = _how_to_succeed(session, failed=len(failed), total=outcomes.total(), few=few, allow_failures=allow_failures)
    # A shell tells of a signal by 128 and its number.
    number = -code if code < 0 else code - 128
    how = f"was ended by signal {number}" if number in signal.valid_signals() else f"failed with exit code {code}"
    details = (f"failed: {names}", *session.finished.tail) if failed else session.finished.tail
    raise TestsError(f"the command {how}: {session.command}", slug="suite-failed", hint=hint, details=details)


def _how_to_succeed(session: Session, *, failed: int, total: int, few: bool, allow_failures: bool) -> str:
    if session.finished.exit_code in {_NOT_FOUND, _NOT_EXECUTABLE}:
        return "The shell did not find or could not start a program of the command; its folder may be missing in PATH."
    hint = f"Make the command pass by hand first, in the target's environment and in {session.cwd} (--cwd);"
    if failed and not few:
        return (
            f"{hint} {failed} of {total} tests failed, and --allow-failures is for a few: a test that fails stops half-way, so"
            " what only such tests run goes unseen, and would be missing from the feature, or be taken for its own."
        )
    hint += " failing tests say nothing about a feature."
    if few and not allow_failures:
        hint += " Or leave these out of the selection, or go on without them: --allow-failures."
    return hint


def require_data(session: Session, package: Package, recorded: Set[str]) -> None:
    """Raise TestsError (``no-data``, ``script-by-path``) if nothing of the package was seen to run that can carry a hook, with
    the likely reason. ``recorded`` are the modules that were seen."""
    scripts = session.notes("script")
    paths = {Path(script).resolve() for script in scripts}
    # What ran of a copy is not recorded as the package's: that is of an import, also of a module by the name of the script.
    if scripts and recorded <= {module for module in package.modules if (package.site / module).resolve() in paths}:
        raise _only_scripts(session, package, scripts)
    if recorded:
        return
    reason, hint = _reason(session)
    raise TestsError(
        f"the command ran nothing of the {package.import_name} installed in {package.site}: {reason}",
        slug="no-data",
        hint=hint,
        details=(session.command, *session.finished.tail),
    )


def _only_scripts(session: Session, package: Package, scripts: Sequence[str]) -> TestsError:
    return TestsError(
        f"the command ran the package's code as a script, by its path ({', '.join(scripts[:_SHOWN])}): Python compiles a script"
        " anew each time and never reads the compiled file, in which hooks are",
        slug="script-by-path",
        hint=f"Let the tests start the installed package: `python -m {package.import_name}`, or its console script.",
        details=(session.command, *session.finished.tail),
    )


def _reason(session: Session) -> tuple[str, str]:
    shadows = session.notes("shadow")
    if shadows:
        hint = (
            "The folder that the tests run in, PYTHONPATH or pytest's `pythonpath` puts that copy first: run them elsewhere, "
        )
        return f"it imported {', '.join(shadows[:_SHOWN])} instead", hint + "move the copy aside, or try `python -P -m pytest`."
    if not any(journal.started for journal in session.journals):
        foreign = session.notes("foreign")
        if foreign:
            return (
                f"it ran under {', '.join(foreign[:_SHOWN])}, another Python than the target's",
                "Begin the command with `python`: that is the target's interpreter here.",
            )
        return (
            "no Python process of it could be watched",
            "Watching needs PYTHONPATH: leave out -I, -E, -S, sudo, tox and containers, or run their inner command.",
        )
    if session.notes("unserved"):
        hint = "Measure a command that imports it plainly: no script by its path, no pytest.register_assert_rewrite for it."
        return "it was not loaded by import", hint
    trouble = session.notes("trouble")
    if trouble:
        return f"watching went wrong ({trouble[0]})", "Set METERIZE_RUN_DEBUG=1 and run it again; then please report it."
    return "it was never imported", "Check that these tests are the package's, or that they use it."
