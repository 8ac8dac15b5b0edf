"""Tests in another order than their own: all of them run, in the units that share fixtures."""

from __future__ import annotations

import pytest

PYTEST = """\
import pytest, shop
opened = []
@pytest.fixture(scope="class")
def counter():
    opened.append(1)
    yield shop.prices.Basket()
class TestA:
    def test_a1(self, counter): counter.add(1)
    def test_a2(self, counter): counter.add(1)
class TestB:
    @pytest.mark.parametrize("amount", [1, 2], ids=["::", "b"])
    def test_b(self, counter, amount): assert len(opened) <= 2
def test_c(): shop.net(1)
"""

UNITTEST = """\
import unittest, shop
class A(unittest.TestCase):
    opened = 0
    @classmethod
    def setUpClass(cls): cls.opened += 1
    def test_1(self): assert self.opened == 1; shop.net(1)
    def test_2(self): assert self.opened == 1
class B(unittest.TestCase):
    def test_3(self): pass
"""

PYTEST_IDS = ["TestA::test_a1", "TestA::test_a2", "TestB::test_b[::]", "TestB::test_b[b]", "test_c"]


def _ids(suite, command, order):
    return [test.id for test in suite.collect(command, order=order).tests]


def test_pytest(suite):
    suite.write(test_one=PYTEST, test_two="def test_d(): pass\ndef test_e(): import shop\n")
    own = [*(f"test_one.py::{name}" for name in PYTEST_IDS), "test_two.py::test_d", "test_two.py::test_e"]
    command = "python -m pytest -q -p no:cacheprovider"
    assert _ids(suite, command, 0) == own
    assert _ids(suite, command, 1) == own[::-1]
    other = _ids(suite, command, 2)
    assert sorted(other) == sorted(own)
    assert other == _ids(suite, command, 2)


def test_unittest(suite):
    suite.write(test_one=UNITTEST)
    own = ["test_one.A.test_1", "test_one.A.test_2", "test_one.B.test_3"]
    command = "python -m unittest test_one"
    assert _ids(suite, command, 0) == own
    assert _ids(suite, command, 1) == own[::-1]
    assert sorted(_ids(suite, command, 3)) == own


@pytest.mark.parametrize("order", [0, 1])
def test_what_an_order_decides_shows(suite, order):
    suite.write(
        test_one="import shop\nrate = []\ndef use():\n    rate or rate.append(shop.net(1))\n"
        "def test_1(): use(); shop.gross(1)\ndef test_2(): use(); shop.gross(1)\n"
    )
    record = suite.collect("python -m pytest -q -p no:cacheprovider", order=order)
    executed = [sorted(name.qualname for name in test.executed) for test in record.tests]
    assert executed == [["gross", "net"], ["gross"]]
    assert record.tests[0].id == f"test_one.py::test_{1 + order}"


def test_a_pytest_within_a_test_keeps_its_order(suite):
    suite.write(
        test_inner="import shop\ndef test_1(): open('order', 'a').write('1')\ndef test_2(): open('order', 'a').write('2')\n",
        test_outer="import pytest, shop\ndef test_it(): shop.net(1); assert pytest.main(['-q', 'test_inner.py']) == 0\n",
    )
    suite.collect("python -m pytest -q -p no:cacheprovider test_outer.py", order=1)
    assert (suite.work / "order").read_text() == "12"
