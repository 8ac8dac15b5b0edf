"""A tree with a hook at every block: runs as before, counts, and says what it left out."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.frameworks import saturation
from tests.frameworks.saturation import saturate

from meterize.cpython.pyc import pyc_path
from meterize.errors import InternalError
from meterize.model.feature import Policy

ROOT = Path(__file__).parents[2]

MODULE = textwrap.dedent("""
    def pick(values):
        for value in values:
            if value > 2:
                return value
        return None

    class Shelf:
        def sort(self, things):
            try:
                return sorted(things)
            except TypeError:
                return sorted(things, key=repr)
""")

PROGRAM = """
import builtins, shop.shelf as shelf
print(shelf.pick([1, 2, 3]), shelf.Shelf().sort([2, "a", 1]))
print(sum(map(bool, builtins.__meterize__.snapshot().values())), len(builtins.__meterize__.hooks))
"""


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "__init__.py").write_text("")
    (folder / "shop" / "shelf.py").write_text(MODULE)
    (folder / "shop" / "template.py").write_text("def {{ name }}(): pass\n")
    return folder


@pytest.mark.parametrize("policy", [Policy.ONCE, Policy.EVERY])
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_block_of_every_function_has_a_hook_that_fires(site, tmp_path, policy, jobs):
    found = saturate(site, policy, distribution="shop", jobs=jobs)
    assert (found.modules, found.functions, found.refused, found.unreadable) == (2, 2, (), ("shop/template.py",))
    environment = {**os.environ, "PYTHONPATH": f"{site}:{ROOT / 'hooks'}", "METERIZE_SPOOL": str(tmp_path / "spool")}
    child = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    answer, counted = child.stdout.splitlines()
    assert answer == "3 ['a', 1, 2]"
    fired, armed = map(int, counted.split())
    assert armed == found.hooks
    assert 6 <= fired < armed  # the end of an exhausted loop is the one block that is not reached


def test_without_a_policy_there_is_nothing_in_the_files(site):
    found = saturate(site, None, distribution="shop")
    assert (found.modules, found.hooks) == (2, 0)
    assert b"meterize" not in pyc_path(site / "shop" / "shelf.py", 0).read_bytes()


def test_a_function_that_is_refused_is_listed_and_the_others_are_hooked(site, monkeypatch):
    real = saturation.rewrite_module

    def picky(code, file, requests, **others):
        if any(request.code.qualname == "pick" for request in requests):
            raise InternalError("not this one")
        return real(code, file, requests, **others)

    monkeypatch.setattr(saturation, "rewrite_module", picky)
    found = saturate(site, Policy.EVERY, distribution="shop")
    assert [(one.file, one.qualname) for one in found.refused] == [("shop/shelf.py", "pick")]
    assert found.functions == 1
    assert found.hooks >= 3
