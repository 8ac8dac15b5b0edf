"""Learns from unittest, pytest and multiprocessing what runs, once they are imported; imports none of them itself."""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any

from . import children, contexts

_exec_module = SourceFileLoader.exec_module


def watch() -> None:
    """Wrap the source loader: it leaves ``sys.meta_path`` alone, and a suite that replaces that does not lose us."""

    def exec_module(self: SourceFileLoader, module: ModuleType) -> None:
        _exec_module(self, module)
        adapt = _ADAPT.get(module.__name__)
        if adapt is not None:
            adapt(module)

    # importlib cuts frames of this name out of tracebacks, and ``warnings`` does not count them for ``stacklevel``.
    exec_module.__code__ = exec_module.__code__.replace(co_filename="<frozen importlib._bootstrap_external>")
    SourceFileLoader.exec_module = exec_module  # type: ignore[method-assign, assignment]


def _adapt_unittest_case(module: ModuleType) -> None:
    case = module.TestCase
    case.run = _as_test(case.run)
    # Frameworks on top of unittest replace one of the two, seldom both.
    case.__call__ = _as_test(case.__call__)


def _as_test(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_as_test(self: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            owned = contexts.begin(self.id())
        except Exception:  # noqa: BLE001  # a test case that cannot say its name
            return run(self, *arguments, **keywords)
        if not owned:
            try:
                return run(self, *arguments, **keywords)
            finally:
                contexts.leave()
        result = keywords.get("result", arguments[0] if arguments else None)
        before = _tally(result)
        try:
            returned = run(self, *arguments, **keywords)
        except BaseException:
            contexts.end(contexts.FAILED)
            raise
        contexts.end(_outcome(before, _tally(result if result is not None else returned)))
        return returned

    run_as_test.__name__, run_as_test.__qualname__ = run.__name__, run.__qualname__
    run_as_test.__doc__ = run.__doc__
    return run_as_test


def _tally(result: Any) -> tuple[int, ...]:
    """How many failures, errors, unexpected successes and skips a unittest result holds."""
    counts = []
    for name in ("failures", "errors", "skipped"):
        try:
            counts.append(len(getattr(result, name)))
        except Exception:  # noqa: BLE001  # some other result class
            counts.append(0)
    return tuple(counts)


def _outcome(before: tuple[int, ...], after: tuple[int, ...]) -> str:
    if after[0] > before[0] or after[1] > before[1]:
        return contexts.FAILED
    return contexts.SKIPPED if after[2] > before[2] else contexts.PASSED


def _adapt_unittest_runner(module: ModuleType) -> None:
    run = module.TextTestRunner.run

    def run_noticed(self: Any, test: Any) -> Any:
        contexts.framework("unittest")
        return run(self, test)

    run_noticed.__name__, run_noticed.__qualname__, run_noticed.__doc__ = run.__name__, run.__qualname__, run.__doc__
    module.TextTestRunner.run = run_noticed


def _adapt_pytest(module: ModuleType) -> None:
    # Imported before pytest looks for plugins, it is neither rewritten nor cached beside our files.
    from . import pytest_plugin  # noqa: F401


_ADAPT: dict[str, Callable[[ModuleType], None]] = {
    "unittest.case": _adapt_unittest_case,
    "unittest.runner": _adapt_unittest_runner,
    "pytest": _adapt_pytest,
    "multiprocessing.spawn": children.adapt_spawn,
}
