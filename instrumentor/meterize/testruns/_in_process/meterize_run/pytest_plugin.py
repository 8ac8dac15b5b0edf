"""Tells the context which test pytest runs and how its parts ended. PYTEST_DONT_REWRITE"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from . import contexts


def pytest_configure(config: Any) -> None:
    """Pytest is at work, whether or not it finds a test."""
    contexts.framework("pytest")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: Any, nextitem: Any) -> Generator[None, Any, None]:
    """Set-up, call and tear-down are one test."""
    owned = contexts.begin(item.nodeid)
    try:
        yield
    finally:
        if owned:
            contexts.end()
        else:
            contexts.leave()


def pytest_runtest_logreport(report: Any) -> None:
    """The final reports of a test: repeated attempts (``rerun``) are not among its outcomes."""
    outcome = getattr(report, "outcome", "")
    if hasattr(report, "wasxfail") and outcome == "skipped":
        outcome = contexts.PASSED
    contexts.report(outcome)
