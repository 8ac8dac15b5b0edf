"""A package's compiled modules are named where nothing else is to be found."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from meterize.model.package import Package
from meterize.pipeline.analysis.compiled import name_compiled

PACKAGE = Package(import_name="fast", distribution="fast", version="1", site=Path("/site"), modules=("fast/__init__.py",))


def test_none() -> None:
    assert name_compiled(PACKAGE) == ()


@pytest.mark.parametrize(("count", "end"), [(1, "fast/c0.so)"), (4, "fast/c3.so)"), (6, "fast/c3.so and 2 more)")])
def test_some(count: int, end: str) -> None:
    package = dataclasses.replace(PACKAGE, compiled=tuple(f"fast/c{number}.so" for number in range(count)))
    [sentence] = name_compiled(package)
    assert end in sentence
    assert "call" in sentence
