"""Child processes of every kind belong to the test that started them, however they end."""

from __future__ import annotations

import textwrap

import pytest

_USES = {
    "subprocess": "subprocess.run([sys.executable, '-c', NET], check=True)",
    "shell": 'assert os.system(f\'"{sys.executable}" -c "{NET}"\') == 0',
    "own_environment": "subprocess.run([sys.executable, '-c', NET], check=True, env={'PYTHONPATH': SITE})",
    "empty_environment": "subprocess.run(['python', '-c', WITH_PATH], check=True, env={'PATH': os.environ['PATH']})",
    "posix_spawn": "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, '-c', WITH_PATH], {}), 0)",
    "spawnve": "assert os.spawnve(os.P_WAIT, sys.executable, [sys.executable, '-c', WITH_PATH], {}) == 0",
    "fork": "in_fork(lambda: shop.net(1))",
    "killed": "in_fork(lambda: (shop.net(1), os.kill(os.getpid(), 9)))",
    "exec": "in_fork(lambda: (shop.net(1), os.execv('/bin/true', ['true'])))",
    "exec_python": "in_fork(lambda: os.execve(sys.executable, [sys.executable, '-c', WITH_PATH], {}))",
    "fork_in_fork": "in_fork(lambda: in_fork(lambda: shop.net(1)))",
    "python_in_fork": "in_fork(lambda: subprocess.run([sys.executable, '-c', NET], check=True))",
    "fork_in_python": "subprocess.run([sys.executable, '-c', 'import os; os.fork() or (' + NET_EXPRESSION + ')'], check=True)",
    "thread": "run_thread(shop.net)",
    "terminated": "terminate_child()",
}

_HELPERS = """
import os, subprocess, sys, threading, time, shop
SITE = os.path.dirname(os.path.dirname(shop.__file__))
NET = "import shop; shop.net(1)"
NET_EXPRESSION = "__import__('shop').net(1)"
WITH_PATH = f"import sys; sys.path.insert(0, {SITE!r}); {NET}"

def in_fork(action):
    child = os.fork()
    if not child:
        try:
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)

def run_thread(action):
    thread = threading.Thread(target=action, args=(1,))
    thread.start()
    thread.join()

def terminate_child():
    loop = "import shop, sys, time; shop.net(1); print('ready'); sys.stdout.flush(); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        child.terminate()
"""


def test_every_way_to_start_and_to_end_a_process(suite, read_tests):
    tests = [
        f"def test_{name.replace('-', '_')}():\n    {use}\ndef test_after_{name.replace('-', '_')}(): pass\n"
        for name, use in _USES.items()
    ]
    suite.write(test_shop=_HELPERS + "".join(tests))
    record = suite.collect("python -m pytest -q test_shop.py")
    found = read_tests(record)
    without = {name for name in _USES if "net" not in found[f"test_shop.py::test_{name}"]}
    assert without == set()
    assert {name for name, executed in found.items() if "::test_after_" in name and executed} == set()
    assert len(found) == 2 * len(_USES)
    assert record.warnings == ()


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_that_are_terminated(suite, read_tests, method):
    suite.write(
        test_shop=textwrap.dedent(f"""
            import multiprocessing, shop
            context = multiprocessing.get_context({method!r})
            def test_one():
                with context.Pool(2) as pool:
                    pool.map(shop.net, [1, 2, 3])
            def test_two():
                process = context.Process(target=shop.gross, args=(1,))
                process.start()
                process.join()
            def test_none(): pass
        """)
    )
    found = read_tests(suite.collect("python -m pytest -q test_shop.py"))
    assert {name.rpartition("_")[2]: executed - {"Basket"} for name, executed in found.items()} == {
        "one": {"net"},
        "two": {"gross"},
        "none": set(),
    }


def test_a_forked_worker_that_runs_tests_of_its_own(suite, read_tests):
    suite.write(
        runner=textwrap.dedent("""
            import os, sys, unittest, shop
            class T(unittest.TestCase):
                def test_one(self): shop.net(1)
                def test_two(self): shop.net(1)
                def test_three(self): shop.gross(1)
            shop.net(1)
            for name in ("test_one", "test_two", "test_three"):
                child = os.fork()
                if not child:
                    outcome = unittest.TextTestRunner(stream=open(os.devnull, "w")).run(T(name))
                    os._exit(not outcome.wasSuccessful())
                assert os.waitpid(child, 0)[1] == 0
        """)
    )
    record = suite.collect("python runner.py")
    assert read_tests(record) == {
        "__main__.T.test_one": {"net"},
        "__main__.T.test_two": {"net"},
        "__main__.T.test_three": {"gross"},
    }
    assert record.tests[0].executed == record.tests[1].executed


def test_a_thread_that_outlives_its_test(suite, read_tests):
    suite.write(
        test_shop=textwrap.dedent("""
            import threading, shop
            go, done = threading.Event(), threading.Event()
            def work():
                go.wait()
                shop.net(1)
                done.set()
            def test_starts():
                threading.Thread(target=work).start()
            def test_waits():
                go.set()
                done.wait()
        """)
    )
    assert read_tests(suite.collect("python -m pytest -q test_shop.py")) == {
        "test_shop.py::test_starts": set(),
        "test_shop.py::test_waits": {"net"},
    }


def test_many_threads_at_once_lose_nothing(suite):
    suite.write(
        test_shop=textwrap.dedent("""
            import sys, threading, shop
            def test_alone():
                shop.net(1); shop.gross(1); list(shop.prices.each([1]))
            def test_many():
                sys.setswitchinterval(1e-6)
                uses = [lambda: shop.net(1), lambda: shop.gross(1), lambda: list(shop.prices.each([1]))] * 4
                threads = [threading.Thread(target=use) for use in uses]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
        """)
    )
    alone, many = suite.collect("python -m pytest -q test_shop.py").tests
    assert alone.executed == many.executed


def test_hundreds_of_forks(suite, read_tests):
    suite.write(
        test_shop=textwrap.dedent("""
            import os, shop
            def test_forks():
                for number in range(300):
                    child = os.fork()
                    if not child:
                        shop.net(number)
                        os._exit(0)
                    os.waitpid(child, 0)
        """)
    )
    assert read_tests(suite.collect("python -m pytest -q test_shop.py")) == {"test_shop.py::test_forks": {"net"}}


def test_the_environment_of_other_programs_is_left_alone(suite):
    suite.write(
        test_shop=textwrap.dedent("""
            import os, subprocess, shop
            def test_env():
                shop.net(1)
                shown = subprocess.run(["/usr/bin/env"], env={"A": "1"}, capture_output=True, text=True).stdout
                assert shown == "A=1\\n"
        """)
    )
    suite.collect("python -m pytest -q test_shop.py")
