"""What a run of tests executes, test by test, under each framework."""

from __future__ import annotations

import textwrap

import pytest

from meterize.model.coverage import Outcome


def _outcomes(record):
    return {test.id: test.outcome.value for test in record.tests}


def test_pytest_tests_by_node_id_with_what_they_execute(suite, read_tests):
    suite.write(test_shop="import shop\ndef test_net(): shop.net(119)\ndef test_gross(): shop.gross(100)\n")
    record = suite.collect("python -m pytest -q test_shop.py")
    assert read_tests(record) == {"test_shop.py::test_net": {"net"}, "test_shop.py::test_gross": {"gross"}}
    assert _outcomes(record) == dict.fromkeys(read_tests(record), "passed")
    assert record.exit_code == 0
    assert record.warnings == ()


def test_two_arms_on_one_line_are_told_apart(suite):
    suite.write(test_shop="import shop\ndef test_full(): shop.net(119)\ndef test_reduced(): shop.net(107, reduced=True)\n")
    full, reduced = suite.collect("python -m pytest -q test_shop.py").tests
    (name,) = full.executed
    assert full.executed.keys() == reduced.executed.keys()
    assert full.executed[name] & ~reduced.executed[name]
    assert reduced.executed[name] & ~full.executed[name]
    assert suite.lines(full.executed) == suite.lines(reduced.executed) == {2, 3}


def test_import_and_collection_belong_to_no_test(suite, read_functions):
    suite.write(test_shop="import shop\nPRICE = shop.gross(100)\ndef test_net(): shop.net(PRICE)\n")
    record = suite.collect("python -m pytest -q test_shop.py")
    assert read_functions(record.outside) == {"gross", "Basket"}
    assert {name.qualname for name in record.outside} >= {"<module>"}
    assert "gross" not in {name.qualname for name in record.tests[0].executed}


def test_a_module_that_a_test_imports_first_belongs_to_that_test(suite, read_tests):
    suite.write(test_shop="def test_late():\n    import shop.late\n    shop.late.rebate(3)\ndef test_none(): pass\n")
    record = suite.collect("python -m pytest -q test_shop.py")
    assert "rebate" in read_tests(record)["test_shop.py::test_late"]
    assert read_tests(record)["test_shop.py::test_none"] == set()


def test_the_second_test_sees_as_much_as_the_first(suite):
    suite.write(test_shop="import pytest, shop\n@pytest.mark.parametrize('n', range(5))\ndef test_net(n): shop.net(n)\n")
    masks = [test.executed for test in suite.collect("python -m pytest -q test_shop.py").tests]
    assert len(masks) == 5
    assert all(mask == masks[0] for mask in masks)


def test_loops_generators_and_coroutines(suite, read_tests):
    suite.write(
        test_shop=textwrap.dedent("""
            import asyncio
            from shop.prices import Basket, each

            def test_unfinished():
                next(each([1, 2, 3]))

            def test_finished():
                assert len(list(each([1, 2, 3]))) == 3

            def test_coroutine():
                assert asyncio.run(Basket().add(1).total()) == 1

            def test_never_awaited():
                Basket().total().close()
        """)
    )
    record = suite.collect("python -m pytest -q test_shop.py")
    assert read_tests(record) == {
        "test_shop.py::test_unfinished": {"each", "gross"},
        "test_shop.py::test_finished": {"each", "gross"},
        "test_shop.py::test_coroutine": {"Basket.__init__", "Basket.add", "Basket.total", "each", "gross"},
        "test_shop.py::test_never_awaited": {"Basket.__init__"},
    }


def test_outcomes_of_pytest(suite):
    suite.write(
        test_shop=textwrap.dedent("""
            import pytest, shop
            shop.net(1)
            def test_passes(): pass
            def test_fails(): assert False
            @pytest.mark.skip
            def test_skipped(): pass
            def test_skips_itself(): pytest.skip("late")
            @pytest.mark.xfail
            def test_expected(): assert False
            @pytest.mark.xfail
            def test_unexpected(): pass
            @pytest.mark.xfail(strict=True)
            def test_strict(): pass
            @pytest.fixture
            def broken(): raise ValueError
            def test_set_up(broken): pass
            @pytest.fixture
            def leaking():
                yield
                raise ValueError
            def test_tear_down(leaking): pass
        """)
    )
    record = suite.collect("python -m pytest -q test_shop.py || true")
    assert {name.removeprefix("test_shop.py::test_"): end for name, end in _outcomes(record).items()} == {
        "passes": "passed",
        "fails": "failed",
        "skipped": "skipped",
        "skips_itself": "skipped",
        "expected": "passed",
        "unexpected": "passed",
        "strict": "failed",
        "set_up": "failed",
        "tear_down": "failed",
    }


def test_outcomes_of_unittest(suite, read_tests):
    suite.write(
        test_shop=textwrap.dedent("""
            import unittest, shop
            class Prices(unittest.TestCase):
                def test_passes(self): shop.net(1)
                def test_fails(self): self.fail(shop.gross(1))
                def test_errs(self): raise ValueError
                @unittest.skip("no")
                def test_skipped(self): pass
                @unittest.expectedFailure
                def test_expected(self): self.fail()
                @unittest.expectedFailure
                def test_unexpected(self): pass
                def test_parts(self):
                    for amount in (1, 2):
                        with self.subTest(amount=amount):
                            self.assertEqual(shop.gross(amount), 1)
            @unittest.skip("all")
            class Skipped(unittest.TestCase):
                def test_one(self): pass
        """)
    )
    record = suite.collect("python -m unittest test_shop || true")
    assert {name.removeprefix("test_shop."): end for name, end in _outcomes(record).items()} == {
        "Prices.test_passes": "passed",
        "Prices.test_fails": "failed",
        "Prices.test_errs": "failed",
        "Prices.test_skipped": "skipped",
        "Prices.test_expected": "passed",
        "Prices.test_unexpected": "failed",
        "Prices.test_parts": "failed",
        "Skipped.test_one": "skipped",
    }
    assert read_tests(record)["test_shop.Prices.test_parts"] == {"gross"}
    assert read_tests(record)["test_shop.Prices.test_passes"] == {"net"}


def test_a_test_case_under_pytest_is_pytests(suite, read_tests):
    suite.write(
        test_shop=textwrap.dedent("""
            import unittest, shop
            class T(unittest.TestCase):
                def test_a(self): shop.net(1)
                def test_b(self): self.skipTest("")
        """)
    )
    record = suite.collect("python -m pytest -q test_shop.py")
    assert read_tests(record) == {"test_shop.py::T::test_a": {"net"}, "test_shop.py::T::test_b": set()}
    assert _outcomes(record) == {"test_shop.py::T::test_a": "passed", "test_shop.py::T::test_b": "skipped"}


@pytest.mark.parametrize("overridden", ["run", "__call__"])
def test_a_runner_built_on_unittest(suite, read_tests, overridden):
    suite.write(
        runner=textwrap.dedent(f"""
            import unittest, shop
            class Base(unittest.TestCase):
                def {overridden}(self, result=None):
                    result.startTest(self)
                    self.test_it()
                    result.addSuccess(self)
                    result.stopTest(self)
            class T(Base):
                def test_it(self): shop.net(1)
            class Plain(unittest.TestCase):
                def test_it(self): shop.gross(1)
            result = unittest.TestResult()
            for case in (T, Plain):
                unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        """)
    )
    record = suite.collect("python runner.py")
    expected = {"__main__.Plain.test_it": {"gross"}}
    if overridden == "run":
        expected["__main__.T.test_it"] = {"net"}
    assert read_tests(record) == expected


def test_a_script_is_one_test(suite, read_tests):
    suite.write(check="import shop\nassert shop.net(119) == 100\n")
    record = suite.collect("python check.py")
    assert read_tests(record) == {"python check.py": {"net", "Basket"}}
    assert record.outside == {}
    assert record.tests[0].outcome is Outcome.PASSED


def test_one_id_for_two_runs_of_a_test(suite, read_tests):
    suite.write(test_shop="import shop, os\ndef test_it(): shop.net(1) if os.environ.get('NET') else shop.gross(1)\n")
    record = suite.collect("NET=1 python -m pytest -q test_shop.py && python -m pytest -q test_shop.py")
    assert read_tests(record) == {"test_shop.py::test_it": {"net", "gross"}}


def test_a_suite_within_a_suite_belongs_to_the_outer_test(suite, read_tests):
    suite.write(
        conftest="pytest_plugins = ['pytester']\n",
        test_shop=textwrap.dedent("""
            import unittest, shop
            def test_inner_pytest(pytester):
                pytester.makepyfile("import shop\\ndef test_in(): shop.net(1)\\ndef test_bad(): assert 0\\n")
                assert pytester.runpytest_inprocess().ret == 1
                shop.gross(1)
            def test_inner_process(pytester):
                pytester.makepyfile("import shop\\ndef test_in(): shop.net(1)\\n")
                assert pytester.runpytest_subprocess().ret == 0
            def test_inner_unittest():
                class T(unittest.TestCase):
                    def test_in(self): shop.gross(1)
                unittest.TextTestRunner().run(T('test_in'))
        """),
    )
    record = suite.collect("python -m pytest -q test_shop.py")
    tests = read_tests(record)
    assert tests["test_shop.py::test_inner_pytest"] == {"net", "gross"}
    assert tests["test_shop.py::test_inner_process"] >= {"net"}
    assert tests["test_shop.py::test_inner_unittest"] == {"gross"}
    assert len(tests) == 3
    assert set(_outcomes(record).values()) == {"passed"}


def test_xdist_workers(suite, read_tests):
    suite.write(test_shop="import pytest, shop\n@pytest.mark.parametrize('n', range(6))\ndef test_net(n): shop.net(n)\n")
    record = suite.collect("python -m pytest -q -n 2 test_shop.py")
    assert read_tests(record) == {f"test_shop.py::test_net[{n}]": {"net"} for n in range(6)}
    assert set(_outcomes(record).values()) == {"passed"}


def test_tests_in_the_order_they_began_and_told_while_they_run(suite):
    suite.write(test_shop="import shop\ndef test_b(): shop.net(1)\ndef test_a(): pass\ndef test_c(): pass\n")
    record = suite.collect("python -m pytest -q test_shop.py")
    names = [f"test_shop.py::test_{letter}" for letter in "bac"]
    assert [test.id for test in record.tests] == names
    assert suite.seen == names


def test_code_that_runs_after_the_last_test_is_seen(suite, read_functions):
    suite.write(test_shop="import atexit, shop\nimport shop.late\natexit.register(shop.late.rebate, 3)\ndef test_it(): pass\n")
    assert "rebate" in read_functions(suite.collect("python -m pytest -q test_shop.py").outside)


def test_a_module_imported_again_is_the_same_code(suite, read_tests):
    suite.write(
        test_shop=textwrap.dedent("""
            import importlib, sys, shop.prices
            def test_reload():
                importlib.reload(shop.prices).gross(1)
            def test_fresh():
                del sys.modules["shop.prices"]
                import shop.prices as prices
                prices.net(1)
            def test_old():
                shop.net(1)
        """)
    )
    tests = read_tests(suite.collect("python -m pytest -q test_shop.py"))
    assert tests["test_shop.py::test_reload"] == {"gross", "Basket"}
    assert tests["test_shop.py::test_fresh"] == {"net", "Basket"}
    assert tests["test_shop.py::test_old"] == {"net"}


def test_a_hundred_re_imports_take_no_more_room_than_one(suite):
    suite.write(
        test_shop=textwrap.dedent("""
            import glob, os, sys
            def test_fresh():
                for _ in range(300):
                    for name in [name for name in sys.modules if name.startswith("shop")]:
                        del sys.modules[name]
                    import shop
                files = glob.glob(os.environ["METERIZE_RUN_FOLDER"] + f"/{os.getpid()}.*.marks")
                assert len(files) == 1, files
        """)
    )
    suite.collect("python -m pytest -q test_shop.py")


def test_cpu_seconds_count_children(suite):
    spin = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    suite.write(check=f"import subprocess, sys, shop\nsubprocess.run([sys.executable, '-c', {spin!r}])\n")
    assert suite.collect("python check.py").seconds > 0.3


def test_tests_in_threads_at_once_are_told_as_one_with_a_warning(suite):
    suite.write(
        runner=textwrap.dedent("""
            import threading, unittest, shop
            both = threading.Barrier(2, timeout=30)
            class T(unittest.TestCase):
                def test_a(self):
                    both.wait()
                    shop.net(1)
                    both.wait()
                def test_b(self):
                    both.wait()
                    shop.gross(1)
                    both.wait()
            result = unittest.TestResult()
            threads = [threading.Thread(target=T(name).run, args=(result,)) for name in ("test_a", "test_b")]
            for thread in threads: thread.start()
            for thread in threads: thread.join()
            assert not result.errors, result.errors
        """)
    )
    record = suite.collect("python runner.py")
    assert len(record.tests) == 1
    assert any("at the same time" in warning for warning in record.warnings)
