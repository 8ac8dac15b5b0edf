"""The package's own files, run by their path: no compiled file is read, so no hook can be there."""

from __future__ import annotations

import shutil

import pytest

from meterize.errors import TestsError

PROGRAM = {
    "shop/__main__.py": "print('open')\n",
    "shop/alone.py": "def sell():\n    return 1\nsell()\n",
}


@pytest.fixture(autouse=True)
def program(suite):
    suite.install(PROGRAM)


def _runs(*words):
    return (
        f"import subprocess, sys\ndef test_it(): subprocess.run([sys.executable, {', '.join(map(repr, words))}], check=True)\n"
    )


@pytest.mark.parametrize("by", ["file", "copy", "relative copy", "folder"])
def test_by_path_alone(suite, by):
    shutil.copytree(suite.site / "shop", suite.work / "tree" / "shop")
    path = {
        "file": str(suite.site / "shop" / "alone.py"),
        "copy": str(suite.work / "tree" / "shop" / "alone.py"),
        "relative copy": "tree/shop/alone.py",
        "folder": str(suite.site / "shop"),
    }[by]
    suite.write(test_one=_runs(path))
    with pytest.raises(TestsError) as caught:
        suite.collect("python -m pytest -q -p no:cacheprovider test_one.py")
    assert caught.value.slug == "script-by-path"
    assert path.rpartition("/")[2] in caught.value.message
    assert "python -m shop" in caught.value.hint


def test_the_command_itself(suite):
    with pytest.raises(TestsError) as caught:
        suite.collect(f"python {suite.site}/shop/alone.py")
    assert caught.value.slug == "script-by-path"


def test_beside_what_is_imported(suite):
    suite.write(test_one=_runs(str(suite.site / "shop" / "alone.py")) + "def test_two():\n    import shop\n    shop.net(1)\n")
    record = suite.collect("python -m pytest -q -p no:cacheprovider test_one.py")
    [warning] = [warning for warning in record.warnings if "as scripts" in warning]
    assert "shop/alone.py" in warning


@pytest.mark.parametrize("words", [["-m", "shop.alone"], ["-m", "shop"], ["-c", "import shop.alone"]])
def test_other_ways_are_no_script(suite, words):
    suite.write(test_one=_runs(*words), shop_tool="import shop.alone\n")
    record = suite.collect("python -m pytest -q -p no:cacheprovider test_one.py && python shop_tool.py")
    assert record.warnings == ()
