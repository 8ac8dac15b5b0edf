"""A process's life as the hooks see it: threads, fork, exit."""

from __future__ import annotations

import pytest

from meterize.cpython.versions import HAS_MONITORING

SOURCE = """
    def work():
        return 1  # hook

    def steps():
        while True:
            yield 1  # hook
    """

POLICIES = pytest.mark.parametrize("policy", ["once", "every"])


@POLICIES
def test_a_forked_child_is_a_process_of_its_own(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import os, sys, metered
        metered.work(); metered.work()
        pid = os.fork()
        if pid == 0:
            metered.work(); metered.work(); metered.work()
            sys.exit()
        os.waitpid(pid, 0)
        metered.work()
        """,
        "-W",
        "error",
    )
    assert ran.counted == {"once": [1, 1], "every": [3, 3]}[policy]
    parent, child = (process.header for process in ran.processes)
    assert (parent.parent, child.parent) == ("", parent.incarnation)
    assert parent.pid != child.pid
    assert parent.ended
    assert child.ended
    assert not ran.err


@POLICIES
def test_a_child_never_tells_its_parents_uses(bench, policy):
    """What the parent has counted and not flushed belongs to the parent."""
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import os, sys, metered
        from meterize_hooks import subject
        with subject("a"):
            metered.work()
        if os.fork() == 0:
            sys.exit()
        os.wait()
        """
    )
    assert ran.uses == {("1", "a"): 1}


@POLICIES
def test_grandchildren(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import os, sys, metered
        for _ in range(5):
            metered.work()
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
                break
        """,
        "-W",
        "error",
    )
    # Each of the five generations makes one use; a parent waits for its child and then ends.
    assert ran.uses == {("1", None): 5}
    assert not ran.err
    assert ran.counted == [1] * 5


@POLICIES
def test_functions_that_run_first_in_a_child_see_the_childs_uses(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import builtins, os, sys
        seen = []
        def early():
            seen.append(builtins.__meterize__.snapshot()["dist/feat/1"])
            metered.work()
            seen.append(builtins.__meterize__.snapshot()["dist/feat/1"])
        os.register_at_fork(after_in_child=early)
        import metered
        metered.work()
        if os.fork() == 0:
            metered.work()
            print(seen, builtins.__meterize__.snapshot()["dist/feat/1"], flush=True)
            if os.fork() == 0:
                print(seen[2:], flush=True)
                sys.exit()
        try: os.wait()
        except ChildProcessError: pass
        """,
        "-W",
        "error",
    )
    assert ran.out == {"once": "[0, 1] 1\n[0, 1]\n", "every": "[0, 1] 2\n[0, 1]\n"}[policy]
    assert ran.uses == {("1", None): {"once": 3, "every": 4}[policy]}


@POLICIES
def test_many_forks_leave_no_thread_and_no_warning(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import os, metered, threading
        for _ in range(50):
            pid = os.fork()
            if pid == 0:
                metered.work()
                os._exit(0)
            os.waitpid(pid, 0)
        assert threading.enumerate() == [threading.main_thread()]
        assert len(os.listdir("/proc/self/task")) == 1, os.listdir("/proc/self/task")
        """,
        "-W",
        "error",
    )
    assert not ran.err
    assert ran.counted == [1] * 50


def test_a_failing_fork_leaves_the_parent_counting(bench):
    bench.meter(SOURCE, policy="every")
    ran = bench.run(
        """
        import metered, os, resource, time
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            os.fork()
        except OSError:
            print("no fork")
        metered.work()
        """,
    )
    assert ran.out == "no fork\n"
    assert ran.uses == {("1", None): 1}
    assert not ran.err


def test_fork_from_threads_at_once(bench):
    bench.meter(SOURCE, policy="every")
    ran = bench.run(
        """
        import metered, os, sys, threading
        def go():
            for _ in range(10):
                pid = os.fork()
                if pid == 0:
                    metered.work()
                    os._exit(0)
                os.waitpid(pid, 0)
        threads = [threading.Thread(target=go) for _ in range(4)]
        [t.start() for t in threads]; [t.join(60) for t in threads]
        assert not any(t.is_alive() for t in threads)
        """,
        "-W",
        "ignore",
    )
    assert ran.uses == {("1", None): 40}


@POLICIES
@pytest.mark.parametrize("early", [True, False], ids=["armed-before", "armed-in-the-child"])
def test_a_child_of_a_thread_ends_with_it(bench, policy, early):
    """Such a child runs no exit functions: it is over when its only thread is, unless another one lives."""
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        f"""
        import os, sys, time, threading
        if {early}:
            import metered

        def fork():
            pid = os.fork()
            if pid:
                os.waitpid(pid, 0)
                return
            import metered
            metered.work()
            if os.fork():  # a grandchild of the same kind
                os.wait()
            else:
                metered.work()

        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
        print("over")
        """
    )
    assert ran.out == "over\n"
    assert sum(ran.uses.values()) == 2


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@POLICIES
def test_multiprocessing_children_are_heard(bench, policy, method):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        f"""
        import multiprocessing
        def child(n):
            import metered
            for _ in range(n):
                metered.work()
        if __name__ == "__main__":
            if {method == "fork"}:
                import metered
            context = multiprocessing.get_context({method!r})
            for _ in range(2):
                process = context.Process(target=child, args=(3,))
                process.start()
                process.join()
                assert process.exitcode == 0
            with context.Pool(1) as pool:
                pool.map(child, [2])
                pool.close()
                pool.join()
        """
    )
    assert ran.uses == {("1", None): {"once": 3, "every": 8}[policy]}
    assert not ran.err


@POLICIES
def test_uses_by_exit_functions_count(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import atexit, sys
        atexit.register(lambda: metered.work())  # runs after the hooks' own
        import metered
        sys.exit(3)
        """,
        check=False,
    )
    assert ran.returncode == 3
    assert ran.uses == {("1", None): 1}


@pytest.mark.parametrize("ending", ["raise RuntimeError", "import os, signal; os.kill(os.getpid(), signal.SIGINT)"])
def test_uses_of_a_process_that_fails_are_told(bench, ending):
    bench.meter(SOURCE, policy="every")
    ran = bench.run(f"import metered; metered.work(); {ending}", check=False)
    assert ran.returncode
    assert ran.uses == {("1", None): 1}


def test_a_handler_that_raises_while_a_module_is_armed_leaves_the_signals_as_they_were(bench):
    bench.meter(SOURCE, policy="every")
    ran = bench.run(
        """
        import signal, sys, importlib, os
        class Stop(Exception): pass
        def handler(*_): raise Stop
        signal.signal(signal.SIGALRM, handler)
        stopped = 0
        for n in range(150):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + n * 0.00001)
                import metered
                for _ in range(100): metered.work()
            except Stop:
                stopped += 1
            finally:
                try: signal.setitimer(signal.ITIMER_REAL, 0)
                except Stop: pass
            sys.modules.pop("metered", None)
            for name in [name for name in sys.modules if name.startswith("meterize_hooks")] if n % 2 else ():
                del sys.modules[name]
            assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
        print("stopped", stopped > 0)
        """
    )
    assert ran.out == "stopped True\n"
    assert "in: <built-in method" not in ran.err  # importlib's own callbacks may speak; ours are built-in
    assert "meterize_hooks" not in ran.err


@POLICIES
def test_a_subinterpreter_ends_in_peace(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import sys
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        other = interpreters.create() if sys.version_info < (3, 13) else interpreters.create("legacy")
        interpreters.run_string(other, "import sys; sys.path[:] = " + repr(sys.path) + "; import metered; metered.work()")
        interpreters.destroy(other)
        import metered
        metered.work()
        """
    )
    assert ran.uses == {("1", None): 2}
    assert not ran.err


@POLICIES
@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.skipif(not HAS_MONITORING, reason="interpreters of Python code are of 3.12+")
def test_a_subinterpreter_that_is_let_go_ends_in_peace(bench, policy, isolated):
    """CPython then ends it by any one of its threads, and aborts the process if that one is running (3.12)."""
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        f"""
        import sys
        try:
            import _xxsubinterpreters as interpreters
            other = interpreters.create(isolated={isolated})
        except ImportError:
            import _interpreters as interpreters
            other = interpreters.create("isolated" if {isolated} else "legacy", reqrefs=True)
            interpreters.incref(other)
        interpreters.run_string(other, "import sys; sys.path[:] = " + repr(sys.path) + "; import metered; metered.work()")
        if hasattr(interpreters, "decref"):
            interpreters.decref(other)
        del other
        print("here")
        """
    )
    assert ran.out == "here\n"
    assert ran.uses == {("1", None): 1}
    assert not ran.err


def test_processes_that_only_exec_are_left_alone(bench):
    bench.meter(SOURCE, policy="once")
    ran = bench.run(
        """
        import metered, subprocess, sys
        metered.work()
        for preexec in (None, lambda: None):
            subprocess.run([sys.executable, "-c", "print('child')"], check=True, preexec_fn=preexec)
        """
    )
    assert ran.out == "child\n" * 2
    assert ran.uses == {("1", None): 1}
    assert ran.counted == [1]
