"""A package that is one module in the site folder: what is its own among files of like names, and how it is started."""

from __future__ import annotations

import shutil

import pytest

from meterize.errors import TestsError

MODULE = """\
def net(amount):
    return amount * 100 // 119


def gross(amount):
    return amount * 119 // 100


if __name__ == "__main__":
    net(1)
"""
OTHER = "def net(amount):\n    return amount\n\n\ndef alien():\n    return 0\n"
PYTEST = "python -m pytest -q -p no:cacheprovider"
TEST = "import shop\ndef test_net(): shop.net(119)\ndef test_gross(): shop.gross(100)\n"


@pytest.fixture(autouse=True)
def module(suite):
    shutil.rmtree(suite.site / "shop")
    suite.install({"shop.py": MODULE})


def _runs(*words):
    given = ", ".join(map(repr, words))
    return f"\nimport subprocess, sys\ndef test_it(): subprocess.run([sys.executable, {given}], check=True)\n"


def test_what_each_test_executes(suite, read_tests):
    assert suite.package.modules == ("shop.py",)
    suite.write(test_shop=TEST)
    record = suite.collect(f"{PYTEST} test_shop.py")
    assert read_tests(record) == {"test_shop.py::test_net": {"net"}, "test_shop.py::test_gross": {"gross"}}
    assert record.warnings == ()


def test_neighbours_of_like_names_are_not_its_own(suite, read_tests):
    vendored = {"big/__init__.py": "", "big/shop.py": OTHER, "big/shop/extra.py": OTHER}
    suite.install({"shop_more.py": OTHER, "myshop.py": OTHER, "shops/__init__.py": OTHER, **vendored})
    assert suite.package.modules == ("shop.py",)
    others = ("shop_more", "myshop", "shops", "big.shop")
    calls = "".join(f"    import {each}\n    {each}.net(1)\n    {each}.alien()\n" for each in others)
    suite.write(test_shop=f"{TEST}def test_others():\n{calls}")
    record = suite.collect(f"{PYTEST} test_shop.py")
    assert read_tests(record)["test_shop.py::test_others"] == set()
    assert record.warnings == ()


def test_a_copy_that_is_imported_instead(suite):
    suite.write(test_shop=TEST, shop=MODULE)
    with pytest.raises(TestsError) as caught:
        suite.collect(f"{PYTEST} test_shop.py")
    assert caught.value.slug == "no-data"
    assert str(suite.work / "shop.py") in caught.value.message


@pytest.mark.parametrize("where", ["site", "work"])
def test_by_path_alone(suite, where):
    suite.write(shop=MODULE, test_one=_runs(str(getattr(suite, where) / "shop.py")))
    with pytest.raises(TestsError) as caught:
        suite.collect(f"{PYTEST} test_one.py")
    assert caught.value.slug == "script-by-path"
    assert "python -m shop" in caught.value.hint


def test_a_copy_by_its_path_beside_what_is_imported(suite, read_tests):
    """As bottle.py, which its wheel puts among the environment's programs, too."""
    (suite.work / "bin").mkdir()
    (suite.work / "bin" / "shop.py").write_text(MODULE)
    suite.write(test_one=TEST + _runs(str(suite.work / "bin" / "shop.py")))
    record = suite.collect(f"{PYTEST} test_one.py")
    assert read_tests(record)["test_one.py::test_net"] == {"net"}
    [warning] = [warning for warning in record.warnings if "as scripts" in warning]
    assert "bin/shop.py" in warning


def test_started_by_its_name(suite, read_tests):
    suite.write(test_one=_runs("-m", "shop"))
    record = suite.collect(f"{PYTEST} test_one.py")
    assert read_tests(record) == {"test_one.py::test_it": {"net"}}
    assert record.warnings == ()
