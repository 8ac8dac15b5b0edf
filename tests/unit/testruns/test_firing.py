"""How many uses each hook of a metered package counts, test by test, with the real runtime."""

from __future__ import annotations

import importlib.util
import json
import shutil
import textwrap
from pathlib import Path

import pytest

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.legality import hook_offsets
from meterize.cpython.pyc import compile_module, dump_pyc, pyc_path
from meterize.errors import TestsError
from meterize.model.feature import Policy
from meterize.model.rewritten import HookRequest
from meterize.rewriting import rewrite_module
from meterize.testruns import Originals, count_fires
from meterize.testruns.originals import LEVELS

HOOK = "shop/net/1"


@pytest.fixture(params=[Policy.ONCE, Policy.EVERY])
def policy(request):
    return request.param


@pytest.fixture
def metered(suite, policy):
    """The package with a hook at the entry of ``net``, and the runtime beside it."""
    module = "shop/prices.py"
    original = suite.code(module)
    code = next(code for _, code in walk(original) if code.co_qualname == "net")
    request = HookRequest(
        id=HOOK,
        feature="net",
        policy=policy,
        code=code_id(module, code),
        digest=code_digest(code),
        offset=min(hook_offsets(code)),
    )
    rewritten, _, missing = rewrite_module(original, module, [request], distribution="shop", version="1.0")
    assert missing == ()
    pyc = pyc_path(suite.site / module, 0)
    pyc.parent.mkdir()
    pyc.write_bytes(dump_pyc(rewritten, (suite.site / module).read_bytes()))
    runtime = Path(importlib.util.find_spec("meterize_hooks").origin).parent
    shutil.copytree(runtime, suite.site / "meterize_hooks", ignore=shutil.ignore_patterns("__pycache__"))
    return suite


def _count(suite, command, originals=None, **variables):
    return count_fires(
        command,
        cwd=suite.work,
        package=suite.package,
        environment=suite.environment(**variables),
        timeout=60,
        on_progress=suite.seen.append,
        originals=originals,
    )


def test_each_test_fires_anew(metered, policy):
    metered.write(
        test_shop=textwrap.dedent("""
            import shop
            shop.net(1)
            def test_once(): shop.net(1)
            def test_none(): shop.gross(1)
            def test_thrice(): [shop.net(1) for _ in range(3)]
        """)
    )
    record = _count(metered, "python -m pytest -q test_shop.py")
    thrice = 3 if policy is Policy.EVERY else 1
    assert {test.id.rpartition("_")[2]: test.fires for test in record.tests} == {
        "once": {HOOK: 1},
        "none": {},
        "thrice": {HOOK: thrice},
    }
    assert record.outside == {HOOK: 1}
    assert record.armed_hooks == {HOOK}
    assert {test.outcome.value for test in record.tests} == {"passed"}
    assert record.exit_code == 0
    assert record.warnings == ()
    assert len(metered.seen) == 3


def test_children_fire_in_their_parents_test(metered):
    metered.write(
        test_shop=textwrap.dedent("""
            import multiprocessing, os, subprocess, sys, shop
            def in_fork(action):
                child = os.fork()
                if not child:
                    action()
                    os._exit(0)
                os.waitpid(child, 0)
            def test_process(): subprocess.run([sys.executable, "-c", "import shop; shop.net(1)"], check=True)
            def test_fork(): in_fork(lambda: shop.net(1))
            def test_exec(): in_fork(lambda: (shop.net(1), os.execv("/bin/true", ["true"])))
            def test_pool():
                with multiprocessing.get_context("fork").Pool(1) as pool:
                    pool.map(shop.net, [1])
            def test_spawned():
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    pool.map(shop.net, [1])
            def test_server():
                # 3.14 does not look for signals behind its first call with keywords, such as print(flush=True).
                serve = "import shop, sys, time; shop.net(1); print('up'); sys.stdout.flush(); time.sleep(60)"
                with subprocess.Popen([sys.executable, "-c", serve], stdout=subprocess.PIPE) as server:
                    server.stdout.readline()
                    server.terminate()
                assert server.returncode == -15
            def test_none():
                in_fork(lambda: shop.gross(1))
            def test_after_fork():
                shop.net(1)
                in_fork(lambda: shop.gross(1))
        """)
    )
    record = _count(metered, "python -m pytest -q test_shop.py")
    fired = {test.id.partition("_")[2].partition("_")[2]: test.fires.get(HOOK) for test in record.tests}
    assert fired == {"process": 1, "fork": 1, "exec": 1, "pool": 1, "spawned": 1, "server": 1, "none": None, "after_fork": 1}


def test_the_real_spool_and_subject_stay_out_of_it(metered, tmp_path):
    real = tmp_path / "real"
    metered.write(check="import os, shop\nassert 'METERIZE_SUBJECT' not in os.environ\nshop.net(1)\n")
    record = _count(metered, "python check.py", METERIZE_SPOOL=str(real), METERIZE_SUBJECT="tenant")
    assert record.tests[0].fires == {HOOK: 1}
    assert not real.exists()


def test_unittest(metered):
    metered.write(
        test_shop=textwrap.dedent("""
            import shop, unittest
            class T(unittest.TestCase):
                def test_a(self): shop.net(1)
                def test_b(self): pass
        """)
    )
    record = _count(metered, "python -m unittest test_shop")
    assert {test.id: test.fires for test in record.tests} == {"test_shop.T.test_a": {HOOK: 1}, "test_shop.T.test_b": {}}


def test_a_failing_suite_is_told_not_raised(metered):
    metered.write(test_shop="import shop\ndef test_a():\n    shop.net(1)\n    assert 'this' == 'that'\n")
    record = _count(metered, "python -m pytest -q test_shop.py")
    assert record.exit_code == 1
    assert record.tests[0].outcome.value == "failed"
    assert record.tests[0].fires == {HOOK: 1}
    assert any("this" in line for line in record.output)


def test_a_package_that_is_not_metered_fires_nothing(suite):
    suite.write(test_shop="import shop\ndef test_a(): shop.net(1)\n")
    record = _count(suite, "python -m pytest -q test_shop.py")
    assert record.armed_hooks == frozenset()
    assert record.tests[0].fires == {}


def test_no_tests_are_an_error_here_too(suite):
    suite.write(test_shop="import shop\n")
    with pytest.raises(TestsError) as caught:
        _count(suite, "python -m pytest -q test_shop.py")
    assert caught.value.slug == "no-tests"


def test_ids_survive_any_character(metered):
    odd = ["a b", "ä\u20ac", "\ud800", "\n", '"', "\\", "x" * 5000]
    metered.write(
        test_shop=f"# -*- coding: utf-8 -*-\nimport pytest, shop\nIDS = {json.dumps(odd)}\n"
        "@pytest.mark.parametrize('n', range(len(IDS)), ids=IDS)\ndef test_a(n): shop.net(n)\n"
    )
    record = _count(metered, "python -m pytest -q test_shop.py")
    assert len(record.tests) == len(odd)
    assert all(test.fires == {HOOK: 1} for test in record.tests)


@pytest.fixture
def originals(suite, tmp_path):
    """What the untouched run is given: the code of the hooked module, compiled from its source."""
    folder = tmp_path / "originals"
    folder.mkdir()
    build = Originals(folder=folder, modules=("shop/prices.py",))
    path = suite.site / "shop/prices.py"
    for level in LEVELS:
        # Under another name, as if the package had been found through a link.
        code = compile_module(path.read_bytes(), "/elsewhere/prices.py", level)
        build.file("shop/prices.py", level).write_bytes(dump_pyc(code, path.read_bytes()))
    return build


@pytest.mark.parametrize("python", ["python", "python -O", "python -OO"])
def test_the_untouched_run_gets_the_original_code(metered, originals, python, policy):
    before = {path: path.read_bytes() for path in metered.site.rglob("*") if path.is_file()}
    metered.write(
        test_shop=textwrap.dedent("""
            import subprocess, sys, unittest
            CHILD = "import shop; shop.net(1); print(len(shop.net.__code__.co_code), '__meterize__' in vars(__builtins__))"
            class T(unittest.TestCase):
                def test_a(self):
                    import shop, builtins
                    shop.net(1)
                    print(shop.net.__code__.co_filename, file=sys.stderr)
                    self.assertFalse(hasattr(builtins, "__meterize__"))
                    self.assertEqual(shop.net.__code__.co_filename, shop.prices.__file__)
                def test_child(self):
                    import shop
                    told = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True).stdout
                    self.assertEqual(told.split(), [str(len(shop.net.__code__.co_code)), "False"])
        """)
    )
    record = _count(metered, f"{python} -m unittest test_shop", originals=originals)
    assert {test.outcome.value for test in record.tests} == {"passed"}, record
    assert [dict(test.fires) for test in record.tests] == [{}, {}]
    assert (record.armed_hooks, record.warnings, record.exit_code) == (frozenset(), (), 0)
    after = {path: path.read_bytes() for path in metered.site.rglob("*") if path.is_file()}
    assert {path: data for path, data in after.items() if "meterize_hooks" not in path.parts} | before == after
    assert all(after[path] == data for path, data in before.items()), "nothing on the disk changed"


def test_originals_that_cannot_be_served_are_told(metered, originals):
    originals.file("shop/prices.py", 0).write_bytes(b"short")
    metered.write(test_shop="import shop\ndef test_a(): shop.net(1)\n")
    record = _count(metered, "python -m pytest -q test_shop.py", originals=originals)
    assert record.tests[0].fires == {HOOK: 1}
    assert any("the original of shop/prices.py could not be served" in warning for warning in record.warnings)


WARNING = """
import os, pytest, subprocess, sys, unittest, warnings
warnings.warn("as it is imported", FutureWarning)
CHILD = "import warnings; warnings.simplefilter('always'); warnings.warn('in a child')"
def test_plain(): [warnings.warn(text, DeprecationWarning) for text in ("one", "one", "two")]
def test_none(): pass
def test_caught(recwarn):
    warnings.warn("seen")
    assert len(recwarn) == 1
def test_expected():
    with pytest.warns(UserWarning, match="wanted"): warnings.warn("wanted")
def test_ignored():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.warn("never shown")
@pytest.mark.filterwarnings("error")
def test_raised():
    with pytest.raises(UserWarning): warnings.warn("raised")
def test_child(): subprocess.run([sys.executable, "-c", CHILD], check=True)
def test_fork():
    warnings.warn("in the parent")
    if not (child := os.fork()):
        warnings.warn("in the fork")
        os._exit(0)
    os.waitpid(child, 0)
class T(unittest.TestCase):
    def test_unittest(self):
        with self.assertWarns(ResourceWarning): warnings.warn("checked", ResourceWarning)
"""


def test_warnings_are_counted_by_test_and_stay_the_suites_own(suite):
    suite.write(test_shop=WARNING)
    record = _count(suite, "python -m pytest -q -p no:cacheprovider test_shop.py")
    assert record.exit_code == 0, record
    assert {test.id.rpartition("test_")[2]: dict(test.warned) for test in record.tests} == {
        "plain": {"DeprecationWarning: one": 2, "DeprecationWarning: two": 1},
        "none": {},
        "caught": {"UserWarning: seen": 1},
        "expected": {"UserWarning: wanted": 1},
        "ignored": {},
        "raised": {},
        "child": {"UserWarning: in a child": 1},
        "fork": {"UserWarning: in the parent": 1, "UserWarning: in the fork": 1},
        "unittest": {"ResourceWarning: checked": 1},
    }
    assert record.warned_outside == {"FutureWarning: as it is imported": 1}


@pytest.mark.parametrize("options", ["", "-W error", "-W always", "-W ignore"])
def test_filters_of_the_command_line_stay_in_force(suite, options):
    suite.write(
        test_shop=textwrap.dedent("""
            import unittest, warnings
            class Odd(UserWarning):
                def __str__(self): raise ValueError("no text")
            class T(unittest.TestCase):
                def test_a(self): warnings.warn("a", DeprecationWarning)
                def test_b(self):
                    shown = []
                    with warnings.catch_warnings():
                        warnings.simplefilter("always")
                        warnings.showwarning = lambda *given, **more: shown.append(given)
                        warnings.warn("b")
                    self.assertEqual(len(shown), 1)
                    with self.assertRaises(ValueError): warnings.warn(Odd())
        """)
    )
    record = _count(suite, f"python {options} -m unittest test_shop")
    a, b = record.tests
    assert a.outcome.value == ("failed" if options == "-W error" else "passed"), record
    assert dict(a.warned) == ({} if options in ("-W error", "-W ignore") else {"DeprecationWarning: a": 1})
    assert (b.outcome.value, dict(b.warned)) == ("passed", {"UserWarning: b": 1})


def test_a_flood_of_warnings_is_bounded(suite):
    suite.write(
        test_shop="import warnings\ndef test_a():\n"
        "    warnings.simplefilter('always')\n    for n in range(5000): warnings.warn(f'{n} ' + 'x' * 9999)\n"
    )
    record = _count(suite, "python -m pytest -q test_shop.py")
    [test] = record.tests
    assert sum(test.warned.values()) == 5000
    assert len(test.warned) == 201
    assert max(map(len, test.warned)) < 500


@pytest.mark.parametrize("with_originals", [False, True])
def test_spread_over_processes(metered, originals, with_originals):
    """pytest-xdist hands warnings of its workers to the controller: each counts once all the same."""
    metered.write(
        test_shop="import pytest, shop, warnings\n@pytest.mark.parametrize('n', range(6))\n"
        "def test_a(n):\n    shop.net(1)\n    warnings.warn(f'number {n}')\n"
    )
    command = "python -m pytest -q -n 2 -p no:cacheprovider test_shop.py"
    record = _count(metered, command, originals=originals if with_originals else None)
    assert record.exit_code == 0, record.output
    assert {test.id[-2]: dict(test.warned) for test in record.tests} == {
        str(n): {f"UserWarning: number {n}": 1} for n in range(6)
    }
    assert [dict(test.fires) for test in record.tests] == [{} if with_originals else {HOOK: 1}] * 6
    assert record.outside == {}
