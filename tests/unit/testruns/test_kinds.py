"""Kinds of tests: sub-tests, asynchronous ones, odd ids, runners of one's own, tests inside the package."""

from __future__ import annotations

from meterize.model.coverage import Outcome

UNITTEST = """\
import asyncio, unittest
import shop
from shop.prices import Basket

class Subs(unittest.TestCase):
    def test_parts(self):
        for amount in (1, 2):
            with self.subTest(amount=amount):
                shop.net(amount)
        with self.subTest("other"):
            shop.gross(1)

    def test_plain(self):
        shop.gross(1)

class Async(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.basket = Basket()

    async def test_total(self):
        await asyncio.gather(self.basket.total(), asyncio.to_thread(shop.net, 1))

    async def test_nothing(self):
        await asyncio.sleep(0)
"""

EXPECTED = {
    "Subs.test_parts": {"net", "gross"},
    "Subs.test_plain": {"gross"},
    "Async.test_total": {"Basket.__init__", "Basket.total", "each", "net"},
    "Async.test_nothing": {"Basket.__init__"},
}


def test_sub_tests_and_asynchronous_tests_of_unittest(suite, read_tests):
    suite.write(test_it=UNITTEST)
    record = suite.collect("python -m unittest test_it")
    assert read_tests(record) == {f"test_it.{name}": ran for name, ran in EXPECTED.items()}


def test_the_same_under_pytest(suite, read_tests):
    suite.write(test_it=UNITTEST)
    record = suite.collect("python -m pytest -q -p no:cacheprovider test_it.py")
    assert read_tests(record) == {f"test_it.py::{name.replace('.', '::')}": ran for name, ran in EXPECTED.items()}


def test_ids_with_everything_in_them(suite, read_tests):
    suite.write(
        test_it="import pytest, shop\n"
        "@pytest.mark.parametrize('amount', [1, 2, 3, 4], ids=['a::b', 'a b[c]', '\\u00e9\\n', \"it's\"])\n"
        "def test_it(amount):\n    shop.net(amount) if amount % 2 else shop.gross(amount)\n"
    )
    found = read_tests(suite.collect("python -m pytest -q -p no:cacheprovider test_it.py"))
    assert list(found.values()) == [{"net"}, {"gross"}] * 2
    assert next(iter(found)) == "test_it.py::test_it[a::b]"
    assert list(found)[3] == "test_it.py::test_it[it's]"


def test_a_runner_of_ones_own_is_one_test(suite, read_functions):
    suite.write(
        run="import shop\nTESTS = []\ndef test(function): TESTS.append(function)\n"
        "@test\ndef one(): shop.net(1)\n@test\ndef two(): shop.gross(1)\nfor function in TESTS: function()\n"
    )
    [record] = suite.collect("python run.py").tests
    assert (record.id, record.outcome) == ("python run.py", Outcome.PASSED)
    assert read_functions(record.executed) == {"net", "gross", "Basket"}  # import included


def test_tests_inside_the_package(suite, read_tests):
    suite.install({"shop/tests/__init__.py": "", "shop/tests/test_in.py": "from shop import net\ndef test_in(): net(1)\n"})
    record = suite.collect("python -m pytest -q -p no:cacheprovider --pyargs shop.tests")
    [(test, ran)] = read_tests(record).items()
    assert test.endswith("test_in.py::test_in")
    assert "net" in ran
