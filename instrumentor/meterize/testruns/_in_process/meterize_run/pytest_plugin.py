"""Tells the contexts which test pytest runs and how its parts ended. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from .contexts import PASSED, SKIPPED, Contexts
from .orders import reorder_items


class Plugin:
    """One for each session: suites may run pytest within pytest."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._owns = False

    def pytest_configure(self, config: Any) -> None:  # noqa: ARG002  # pluggy goes by the names
        """Pytest is at work, whether or not it finds a test."""
        self._contexts.framework("pytest")

    @pytest.hookimpl(tryfirst=True)  # what others must have in a certain order they sort again
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Another order, if one was asked for; never within a test's own pytest."""
        if self._contexts.order and not self._contexts.token:
            reorder_items(items, self._contexts.order)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> Generator[None, Any, None]:  # noqa: ARG002
        """Set-up, call and tear-down are one test."""
        self._owns = self._contexts.begin(item.nodeid)
        try:
            yield
        finally:
            if self._owns:
                self._owns = False
                self._contexts.end()
            else:
                self._contexts.leave()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The final reports of a test; those of attempts that are repeated have another outcome (``rerun``).

        A session that only hears of tests (xdist's controller) says nothing about the test that it may run in itself.
        """
        if not self._owns:
            return
        outcome = getattr(report, "outcome", "")
        if outcome == SKIPPED and hasattr(report, "wasxfail"):
            outcome = PASSED
        # A skipped test is set up and torn down all right.
        if outcome != PASSED or report.when == "call":
            self._contexts.report(outcome)
