"""Real processes that end in every way there is. The judge is a log that they write themselves, before and after each use."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter

import pytest

from meterize.cpython.versions import HAS_MONITORING

SOURCE = "def work():\n    return 1  # hook\n"
LOGGING = """
import metered, os, sys
log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def use(who="-"):
    os.write(log, f"begin {os.getpid()} {who}\\n".encode())
    metered.work()
    os.write(log, f"end {os.getpid()} {who}\\n".encode())
def child(run, *arguments):
    pid = os.fork()
    if pid == 0:
        run(*arguments)
        os._exit(0)
    return pid
"""
POLICIES = pytest.mark.parametrize("policy", ["once", "every"])


@pytest.fixture
def judged(bench):
    """Runs a script that logs its uses; holds the spool against the log; the uses in doubt."""

    def run(script, *options, policy="every", **more):
        bench.meter(SOURCE, policy=policy)
        (bench.folder / "logging_uses.py").write_text(LOGGING)
        ran = bench.run(script, *options, **more)
        # A line that was struck while it was written, at the border of a page, is followed by another's without an end.
        lines = (bench.folder / "log").read_text().splitlines()
        words = [found.groups() for found in (re.search(r"(begin|end) (\d+) (\S+)$", line) for line in lines) if found]
        logged = {kind: Counter((pid, who) for one, pid, who in words if one == kind) for kind in ("begin", "end")}
        assert logged["begin"], "nobody used anything"
        counted = Counter()
        for process in ran.processes:
            for (_, row), count in process.counts.items():
                counted[str(process.header.pid), process.subjects.get(row, "-")] += count
        assert counted.keys() <= logged["begin"].keys(), "counted where nobody used anything"
        if policy == "once":
            for kind in logged.values():
                for pid in {pid for pid, _ in kind}:
                    first = min(kind[key] for key in kind if key[0] == pid)
                    assert first
            by_pid = {kind: {pid for pid, _ in logged[kind]} for kind in logged}
            assert by_pid["end"] <= {pid for pid, _ in counted} <= by_pid["begin"]
            assert set(counted.values()) <= {1}
            return ran, 0
        for key, begun in logged["begin"].items():
            assert logged["end"][key] <= counted[key] <= begun, (key, logged["end"][key], counted[key], begun)
        assert not ran.lost
        assert not ran.problems
        return ran, (logged["begin"] - logged["end"]).total()

    return run


KILLING = """
from logging_uses import *
import random, signal, threading, time
from meterize_hooks import subject
def go(names):
    while True:
        for name in names:
            if name == "-": use()
            else:
                with subject(name): use(name)
def many(n):
    for number in range(n % 3):
        threading.Thread(target=go, args=([f"t{number}", "shared", "-"],), daemon=True).start()
    go(["-", "main", "shared", *(f"{random.random()}" for _ in range(20))])
dice = random.Random(STRIKES)
for n in range(STRIKES):
    pid = child(many, n)
    time.sleep(dice.random() * 0.03)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("strikes", [15, pytest.param(200, marks=pytest.mark.slow)])
def test_a_kill_loses_nothing_that_was_completed(judged, strikes):
    _, doubtful = judged(KILLING.replace("STRIKES", str(strikes)), "-W", "ignore")
    assert doubtful <= strikes * 3


@POLICIES
@pytest.mark.parametrize(
    "ending",
    [
        "os._exit(3)",
        "os.kill(os.getpid(), 9)",
        "os.kill(os.getpid(), 15)",
        "os.abort()",
        "os.execv(sys.executable, [sys.executable, '-c', 'pass'])",
        "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); import faulthandler; faulthandler._sigsegv()",
    ],
)
def test_endings_without_exit_functions(judged, policy, ending):
    ran, doubtful = judged(f"from logging_uses import *\nfor _ in range(100): use()\n{ending}", policy=policy, check=False)
    assert doubtful == 0
    assert ran.uses == {("1", None): 100 if policy == "every" else 1}
    assert not ran.processes[0].header.ended


@POLICIES
def test_a_fork_inside_a_subject(judged, policy):
    judged(
        """
        from logging_uses import *
        from meterize_hooks import subject
        with subject("a"):
            use("a")
            with subject("b"):
                def inside(): use("b"); use("b")
                pid = child(inside)
                use("b")
                os.waitpid(pid, 0)
            use("a")
            if os.fork() == 0:
                use("a")
                with subject("c"): use("c")
                sys.exit()
            os.wait()
        use()
        """,
        policy=policy,
    )


def test_a_fork_inside_a_task_with_a_copied_context(judged):
    ran, _ = judged(
        """
        from logging_uses import *
        import asyncio, contextvars
        from meterize_hooks import subject
        kept = []
        async def task(name):
            with subject(name):
                use(name)
                kept.append((name, contextvars.copy_context()))
                await asyncio.sleep(0)
                use(name)
                if name == "t1":
                    def inside():
                        use("t1")
                        for other, context in kept: context.run(use, other)
                    pid = child(inside)
                    use(name)
                    os.waitpid(pid, 0)
                await asyncio.sleep(0)
                use(name)
        async def main(): await asyncio.gather(*(task(f"t{n}") for n in range(4)))
        asyncio.run(main())
        for name, context in kept: context.run(use, name)
        """
    )
    assert len(ran.counted) == 2


def test_generators_that_hold_a_subject_go_on_in_the_child(judged):
    judged(
        """
        from logging_uses import *
        from meterize_hooks import subject
        def steps(name):
            with subject(name):
                while True:
                    use(name)
                    yield
        many = [steps(f"g{n}") for n in range(3)]
        next(many[0])
        def inside():
            use("g0")  # whose block nobody has left
            next(many[0])
            use("g0")
        pid = child(inside)
        next(many[0])
        os.waitpid(pid, 0)
        """
    )


@POLICIES
def test_forks_in_threads_while_others_count(judged, policy):
    judged(
        """
        from logging_uses import *
        import threading
        from meterize_hooks import subject
        sys.setswitchinterval(1e-5)
        def go(name):
            with subject(name):
                for n in range(8):
                    use(name)
                    def inside(): use(name); use(name)
                    pid = child(inside)
                    use(name)
                    os.waitpid(pid, 0)
        threads = [threading.Thread(target=go, args=(f"t{n}",)) for n in range(3)]
        [t.start() for t in threads]
        for _ in range(500): use()
        [t.join() for t in threads]
        """,
        "-W",
        "ignore",
        policy=policy,
    )


def test_a_fork_of_a_fork_of_a_fork(judged):
    ran, _ = judged(
        """
        from logging_uses import *
        from meterize_hooks import subject
        def grow(depth, around):
            with subject(f"d{depth}"):
                use(f"d{depth}")
                if depth:
                    for _ in range(2): os.waitpid(child(grow, depth - 1, f"d{depth}"), 0)
                use(f"d{depth}")
            use(around)
        grow(3, "-")
        """
    )
    assert len(ran.counted) == 15
    parents = Counter(process.header.parent for process in ran.processes)
    assert sorted(parents.values()) == [1] + [2] * 7


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing_children_that_are_killed(judged, method):
    judged(
        f"""
        import multiprocessing, os, time
        def run(n):
            from logging_uses import use
            from meterize_hooks import subject
            with subject(f"s{{n}}"):
                for _ in range(50): use(f"s{{n}}")
                if n % 2: os.kill(os.getpid(), 9)
        if __name__ == "__main__":
            import logging_uses
            logging_uses.use()
            context = multiprocessing.get_context({method!r})
            many = [context.Process(target=run, args=(n,)) for n in range(4)]
            [one.start() for one in many]; [one.join() for one in many]
        """
    )


def test_pools_whose_workers_are_ended(judged):
    """By SIGTERM, wherever they are: none hangs, and what was completed is counted."""
    judged(
        """
        from logging_uses import *
        import multiprocessing
        def job(n):
            for _ in range(n): use()
            return n
        context = multiprocessing.get_context("fork")
        for n in range(12):
            with context.Pool(2) as pool:
                assert pool.map(job, [3, 1, 2]) == [3, 1, 2]
                pool.map_async(job, [10_000] * 2)
        use()
        """,
        "-W",
        "ignore",
    )


def test_threads_that_die(judged):
    """By an exception, as daemons at the end of the process, and in a pool that is let go."""
    judged(
        """
        from logging_uses import *
        import threading, time, concurrent.futures
        from meterize_hooks import subject
        threading.excepthook = lambda *_: None
        def fails(name):
            with subject(name):
                for n in range(100):
                    use(name)
                raise ValueError
        def forever(name):
            with subject(name):
                while True: use(name)
        threads = [threading.Thread(target=fails, args=(f"f{n}",)) for n in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        for n in range(3): threading.Thread(target=forever, args=(f"d{n}",), daemon=True).start()
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda n: use(), range(100)))
        time.sleep(0.1)
        """
    )


@pytest.mark.skipif(not HAS_MONITORING, reason="interpreters of Python code are of 3.12+")
def test_interpreters_each_for_itself(bench):
    """Also those that end while others count, and those whose process is killed."""
    bench.meter(SOURCE, policy="every")
    ran = bench.run(
        """
        import os, sys, threading
        try: import _interpreters as interpreters
        except ImportError: import _xxsubinterpreters as interpreters
        import metered
        code = f"import sys; sys.path[:] = {sys.path!r}; import metered\\nfor _ in range(1000): metered.work()"
        def go():
            one = interpreters.create()
            interpreters.run_string(one, code)
            if end: interpreters.destroy(one)
        for end in (True, False):
            threads = [threading.Thread(target=go) for _ in range(3)]
            [t.start() for t in threads]
            for _ in range(1000): metered.work()
            [t.join() for t in threads]
        os.kill(os.getpid(), 9)
        """,
        check=False,
    )
    assert ran.returncode == -9
    assert ran.uses == {("1", None): 8000}
    assert ran.counted == [1000] * 6 + [2000]


@pytest.mark.parametrize("many", [False, True])
@POLICIES
def test_no_thread_comes_between(bench, policy, many):
    """Eight threads, switched as often as the interpreter can: what is counted is what was used."""
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        f"""
        import builtins, metered, sys, threading
        from meterize_hooks import subject
        sys.setswitchinterval(1e-6)
        rounds, times = (1, 60_000) if {policy == "every"} else (150, 3)
        for n in range(rounds):
            barrier = threading.Barrier(8)
            def go(number):
                barrier.wait()
                if {many}:
                    with subject(f"s{{number % 2}}"):
                        for _ in range(times): metered.work()
                else:
                    for _ in range(times): metered.work()
            threads = [threading.Thread(target=go, args=(number,)) for number in range(8)]
            [t.start() for t in threads]; [t.join() for t in threads]
            builtins.__meterize__.rearm()
        """
    )
    assert sum(ran.uses.values()) == (480_000 if policy == "every" else 150)
    if many and policy == "every":
        assert ran.uses == {("1", "s0"): 240_000, ("1", "s1"): 240_000}


def test_two_threads_name_the_first_subject_at_once(bench):
    """While one still makes the door that knows subjects, the other must not count for nobody."""
    bench.meter(SOURCE, policy="every")
    ran = bench.run(
        """
        import metered, threading, time
        from meterize_hooks import runtime, subject
        make, begun = runtime.many_subjects_door, threading.Event()
        def slowly(*given):
            begun.set()
            time.sleep(0.3)
            return make(*given)
        runtime.many_subjects_door = slowly
        def go():
            with subject("ada"): metered.work()
        first = threading.Thread(target=go)
        first.start(); begun.wait(); go(); first.join()
        """
    )
    assert ran.uses == {("1", "ada"): 2}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_no_thread_of_ours(bench):
    bench.meter(SOURCE, policy="every")
    ran = bench.run("import metered, os; metered.work(); print(os.listdir('/proc/self/task') == [str(os.getpid())])")
    assert ran.out == "True\n"
    assert os.name == "posix"
