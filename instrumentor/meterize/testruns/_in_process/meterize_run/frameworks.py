"""Learns from unittest, pytest and multiprocessing what runs, once they are imported; imports none of them itself."""

from __future__ import annotations

from .children import Children
from .contexts import FAILED, PASSED, SKIPPED, Contexts
from .loading import adapt_loaded
from .orders import reorder_suite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def watch_frameworks(contexts: Contexts, children: Children) -> None:
    """Be there when a framework is imported."""
    adaptations: dict[str, Callable[[Any], None]] = {
        "unittest.case": lambda module: _adapt_test_case(module.TestCase, contexts),
        "unittest.runner": lambda module: _adapt_runner(module.TextTestRunner, contexts),
        "_pytest.config": lambda module: _adapt_plugin_manager(module.PytestPluginManager, contexts),
        "_pytest.python": lambda module: contexts.on_caller(module.pytest_pyfunc_call.__code__),
        "_pytest.fixtures": lambda module: contexts.on_caller(module.call_fixture_func.__code__),
        "multiprocessing.spawn": children.adapt_spawn,
    }
    adapt_loaded(adaptations, contexts.journal)


def _adapt_test_case(case: Any, contexts: Contexts) -> None:
    # Frameworks on top of unittest replace one of the two, seldom both.
    case.run = _as_test(case.run, contexts)
    case.__call__ = _as_test(case.__call__, contexts)


def _as_test(run: Callable[..., Any], contexts: Contexts) -> Callable[..., Any]:
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
            contexts.end(FAILED)
            raise
        contexts.end(_outcome(before, _tally(result if result is not None else returned)))
        return returned

    contexts.on_caller(run_as_test.__code__)
    return _disguise(run_as_test, run)


def _disguise(wrapper: Callable[..., Any], wrapped: Callable[..., Any]) -> Callable[..., Any]:
    wrapper.__name__, wrapper.__qualname__ = wrapped.__name__, wrapped.__qualname__
    wrapper.__module__, wrapper.__doc__ = wrapped.__module__, wrapped.__doc__
    return wrapper


def _tally(result: Any) -> tuple[int, int, int]:
    """How many failures, errors and skips a unittest result holds."""
    return (
        _length(result, "failures") + _length(result, "unexpectedSuccesses"),
        _length(result, "errors"),
        _length(result, "skipped"),
    )


def _length(result: Any, name: str) -> int:
    try:
        return len(getattr(result, name))
    except Exception:  # noqa: BLE001  # some other result class
        return 0


def _outcome(before: tuple[int, int, int], after: tuple[int, int, int]) -> str:
    if after[0] > before[0] or after[1] > before[1]:
        return FAILED
    return SKIPPED if after[2] > before[2] else PASSED


def _adapt_runner(runner: Any, contexts: Contexts) -> None:
    run = runner.run

    def run_noticed(self: Any, test: Any) -> Any:
        contexts.framework("unittest")
        if contexts.order and not contexts.token:
            reorder_suite(test, contexts.order)
        return run(self, test)

    runner.run = _disguise(run_noticed, run)


def _adapt_plugin_manager(manager: Any, contexts: Contexts) -> None:
    """Register our plugin where pytest looks for those of PYTEST_PLUGINS.

    The variable itself would break a pytest that is started without our PYTHONPATH.
    """
    consider_env = manager.consider_env

    def consider_env_and_us(self: Any) -> None:
        consider_env(self)
        from .pytest_plugin import Plugin

        if not self.has_plugin("meterize_run"):
            self.register(Plugin(contexts), "meterize_run")

    manager.consider_env = _disguise(consider_env_and_us, consider_env)
