"""Owns what every folder of tests that runs the corpus asks for; their conftest.py files take it from here."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from tests.corpus import _behaviour


@pytest.fixture(autouse=True)
def no_runtime_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooked code that a test runs must not arm the runtime that is installed beside the tool."""
    monkeypatch.setitem(sys.modules, "meterize_hooks", None)


@pytest.fixture
def behaviour() -> ModuleType:
    return _behaviour


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``snippet`` runs once for each snippet of the corpus."""
    if "snippet" in metafunc.fixturenames:
        found = _behaviour.snippets()
        metafunc.parametrize("snippet", found.values(), ids=found.keys())
