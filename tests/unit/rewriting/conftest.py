"""The corpus and how it is watched."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

_PATH = Path(__file__).parents[2] / "corpus" / "_behaviour.py"


def _load() -> ModuleType:
    if _PATH.stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(_PATH.stem, _PATH)
        module = importlib.util.module_from_spec(spec)
        sys.modules[_PATH.stem] = module
        spec.loader.exec_module(module)
    return sys.modules[_PATH.stem]


BEHAVIOUR = _load()


@pytest.fixture(autouse=True)
def no_runtime_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hooked code that a test runs must not arm the runtime that is installed beside the tool."""
    monkeypatch.setitem(sys.modules, "meterize_hooks", None)


@pytest.fixture
def behaviour() -> ModuleType:
    return BEHAVIOUR


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``snippet`` runs once for each snippet of the corpus."""
    if "snippet" in metafunc.fixturenames:
        found = BEHAVIOUR.snippets()
        metafunc.parametrize("snippet", found.values(), ids=found.keys())
