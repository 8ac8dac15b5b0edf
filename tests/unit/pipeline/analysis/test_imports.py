"""The import of a package alone: which modules, and that nothing goes wrong where it does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meterize.errors import TestsError
from meterize.model.coverage import CoverageRecord
from meterize.model.package import Package
from meterize.model.running import Running
from meterize.pipeline.analysis.imports import Imports, imports_of
from meterize.pipeline.analysis.suites import Suite
from meterize.pipeline.sources import PackageCode
from meterize.pipeline.target import Target

PACKAGE = Package(import_name="shop", distribution="shop", version="1", site=Path("/nowhere"), modules=())


def test_the_modules_that_can_be_imported_and_each_set_once() -> None:
    asked: list[str] = []

    def run(suite: Suite) -> CoverageRecord:
        asked.append(suite.command)
        raise TestsError("it fails", slug="suite-failed", hint="")

    imports = Imports(PACKAGE, Path("/work"), run)
    files = ["shop/sub/__init__.py", "shop/till.py", "shop/__main__.py", "shop/in.py", "shop/a-b.py", "shop/__init__.py"]
    found = imports(files)
    assert (found.statement, found.executed) == ("import shop, shop.sub, shop.till", None)
    assert "it fails" in found.excuse
    assert imports(reversed(files)) == found
    assert asked == ["python -P -c 'import shop, shop.sub, shop.till; raise SystemExit(77)'; test $? -eq 77"]


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ("", {"<module>", "sell"}),
        (
            "import unittest\nclass T(unittest.TestCase):\n    def test(self): pass\nunittest.main('shop', exit=False)\n",
            {"<module>", "T", "T.test", "sell"},
        ),
        ("import os; os._exit(0)\n", None),
        ("raise SystemExit(0)\n", None),
        ("1 / 0\n", None),
    ],
)
def test_what_it_executes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, top: str, expected: set[str] | None) -> None:
    (tmp_path / "shop.py").write_text(f"{top}def sell():\n    return 1\nsell()\n")
    package = Package(import_name="shop", distribution="shop", version="1", site=tmp_path, modules=("shop.py",))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "shop.py").write_text("raise RuntimeError('another one')")
    target = Target(python=Path(sys.executable), search_path=[str(tmp_path)])
    imports = imports_of(package, PackageCode(package), tmp_path / "work", target, None, None, Running(cache=False))
    found = imports(["shop.py"])
    assert (found.executed and {code.qualname for code in found.executed}) == expected
