"""What each policy counts in a process, and when its hook goes away and comes back."""

from __future__ import annotations

import sys

import pytest

from meterize.cpython.versions import HAS_MONITORING

SOURCE = """
    def work():
        return 1  # hook

    def other(n):
        total = 0
        for i in range(n):
            total += 1  # hook
        return total
    """
WORK, OTHER = "12"
MONITORED = pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring is of 3.12+")

CALLS = """
import builtins, sys
calls = []
def watch():
    "From now on, whether code calls us: on 3.12+ by events, on 3.11 by a call."
    if hasattr(sys, "monitoring"): return
    once = builtins.__meterize_once__
    builtins.__meterize_once__ = lambda hook: (calls.append(hook), once(hook))[1]
def is_armed(function):
    if hasattr(sys, "monitoring"):
        tools = [tool for tool in range(6) if sys.monitoring.get_tool(tool)]
        return any(sys.monitoring.get_local_events(tool, function.__code__) for tool in tools)
    code = function.__code__
    import _ctypes
    class Byte(_ctypes._SimpleCData): _type_ = "B"
    live = bytes(Byte.from_address(id(code) + type(code).__basicsize__ + at).value for at in range(len(code.co_code)))
    return 9 in live[::2]
"""


@pytest.fixture
def metered(bench):
    (bench.folder / "calls.py").write_text(CALLS)

    def meter(policy):
        bench.meter(SOURCE, policy=policy)
        return bench

    return meter


@pytest.mark.parametrize("limit", [1, 2, 7, 300])
def test_the_first_so_many(metered, limit):
    ran = metered(f"first={limit}").run(
        f"""
        import metered
        from calls import is_armed
        for n in range({limit}):
            assert is_armed(metered.work)
            metered.work()
        assert not is_armed(metered.work)
        for _ in range(50): metered.work()
        metered.other({limit} + 5)
        metered.other({limit} + 5)
        assert not is_armed(metered.other)
        """
    )
    assert ran.uses == {(WORK, None): limit, (OTHER, None): limit}


def test_the_first_so_many_of_threads(metered):
    ran = metered("first=1000").run(
        """
        import metered, sys, threading
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=metered.other, args=(500,)) for _ in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """
    )
    assert ran.uses == {(OTHER, None): 1000}


def test_the_first_so_many_count_for_who_used(metered):
    ran = metered("first=3").run(
        """
        import metered, os, sys
        from meterize_hooks import subject
        for name in "aabbcc":
            with subject(name): metered.work()
        if os.fork() == 0:
            with subject("c"): metered.work()
            sys.exit()
        os.wait()
        """
    )
    assert ran.uses == {(WORK, "a"): 2, (WORK, "b"): 1, (WORK, "c"): 1}


def test_once_per_subject_is_once_where_there_is_none(metered):
    ran = metered("once-per-subject").run(
        """
        import metered
        from calls import is_armed
        metered.work()
        assert not is_armed(metered.work)
        metered.work()
        """
    )
    assert ran.uses == {(WORK, None): 1}


def test_once_per_subject_goes_away_and_comes_back(metered):
    ran = metered("once-per-subject").run(
        """
        import metered
        from calls import is_armed
        from meterize_hooks import subject
        metered.work()
        for name in "abc":
            with subject(name):
                assert is_armed(metered.work)
                for _ in range(3): metered.work()
                assert not is_armed(metered.work)
        with subject("a"): metered.work()
        metered.work()
        assert not is_armed(metered.work)
        metered.other(0)
        with subject("d"): metered.other(2)
        with subject("d"): metered.other(2)
        """
    )
    assert ran.uses == {(WORK, name): 1 for name in (None, "a", "b", "c")} | {(OTHER, "d"): 1}


def test_once_per_subject_waits_for_everyone(metered):
    """Somebody whom nobody has named may come yet."""
    ran = metered("once-per-subject").run(
        """
        import metered
        from calls import is_armed
        from meterize_hooks import subject
        for _ in range(3):
            for name in "ab":
                with subject(name): metered.work()
        assert is_armed(metered.work)
        metered.work(); metered.work()
        assert not is_armed(metered.work)
        """
    )
    assert ran.uses == {(WORK, name): 1 for name in (None, "a", "b")}


def test_once_per_subject_with_threads_and_new_subjects_all_the_time(metered):
    ran = metered("once-per-subject").run(
        """
        import metered, sys, threading
        from meterize_hooks import subject
        sys.setswitchinterval(1e-6)
        metered.work()
        def go(mine):
            for n in range(60):
                with subject(f"s{n}"):
                    metered.work(); metered.work()
                with subject(f"{mine}-{n}"):
                    metered.work(); metered.work()
        threads = [threading.Thread(target=go, args=(mine,)) for mine in "abcdef"]
        [t.start() for t in threads]; [t.join() for t in threads]
        """
    )
    expected = {(WORK, f"s{n}"): 1 for n in range(60)} | {(WORK, f"{mine}-{n}"): 1 for mine in "abcdef" for n in range(60)}
    assert ran.uses == expected | {(WORK, None): 1}


def test_once_per_subject_in_a_child(metered):
    ran = metered("once-per-subject").run(
        """
        import metered, os, sys
        from meterize_hooks import subject
        with subject("a"):
            metered.work(); metered.work()
            if os.fork() == 0:
                metered.work(); metered.work()
                sys.exit()
            os.wait()
        """
    )
    assert ran.uses == {(WORK, "a"): 2}
    assert ran.counted == [1, 1]


def test_once_per_window(metered):
    """The judge is the wall clock: each window of a second in which it was used counts one, no other any."""
    ran = metered("once-per-window=1s").run(
        """
        import metered, os, time
        from calls import is_armed
        windows, asleep = set(), 0
        end = time.time() + 3.3
        while time.time() < end:
            before = int(time.time())
            metered.work()
            if before == int(time.time()): windows.add(before)
            else: windows.update((before, before + 1))  # one of the two
            asleep += not is_armed(metered.work)
            time.sleep(0.02)
        print(len(windows), asleep > 50)
        """
    )
    windows, was_asleep = ran.out.split()
    assert was_asleep == "True"
    assert abs(ran.uses[WORK, None] - int(windows)) <= 1
    assert ran.uses[WORK, None] >= 3


def test_windows_begin_at_once_in_all_processes(metered):
    """A child that is forked while its parent's hooks sleep has its own, which sleep and wake as the parent's do."""
    ran = metered("once-per-window=2s").run(
        """
        import metered, os, sys, time
        from calls import is_armed
        time.sleep(2 - time.time() % 2 + 0.1)
        metered.work(); metered.work()
        assert not is_armed(metered.work)
        pid = os.fork()
        metered.work()
        assert is_armed(metered.work) == False
        woken = None
        while not is_armed(metered.work) and time.time() % 2 < 1.99: time.sleep(0.001)
        time.sleep(0.3)
        assert is_armed(metered.work), "slept on"
        print(round(time.time() % 2, 1) < 1.5, flush=True)
        metered.work()
        if pid == 0: sys.exit()
        os.waitpid(pid, 0)
        """
    )
    assert ran.out == "True\n" * 2
    assert ran.counted == [2, 2]


def test_the_clock_runs_only_while_a_hook_sleeps(metered):
    ran = metered("once-per-window=1s").run(
        """
        import metered, os, threading, time
        tasks = lambda: len(os.listdir("/proc/self/task"))
        time.sleep(1 - time.time() % 1 + 0.05)
        before = tasks()
        metered.work()
        during = tasks()
        time.sleep(1.2)
        print(before, during, tasks(), threading.active_count())
        """
    )
    assert ran.out == "1 2 1 1\n"


def test_a_clock_and_forks_that_warn_of_threads(metered):
    ran = metered("once-per-window=1d").run(
        """
        import metered, os, signal, sys
        metered.work()
        for _ in range(20):
            pid = os.fork()
            if pid == 0:
                metered.work()
                os._exit(0)
            os.waitpid(pid, 0)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
        """,
        "-W",
        "ignore" if sys.version_info[:2] == (3, 13) else "error",  # docs/promises.md
    )
    assert not ran.err
    assert ran.counted == [1] * 21


def test_a_child_of_a_thread_ends_though_its_clock_runs(metered):
    ran = metered("once-per-window=1d").run(
        """
        import metered, os, threading
        metered.work()
        def fork():
            pid = os.fork()
            if pid: os.waitpid(pid, 0)
            else: metered.work()
        thread = threading.Thread(target=fork)
        thread.start(); thread.join()
        """,
        "-W",
        "ignore",
    )
    assert ran.counted == [1, 1]


def test_a_clock_that_somebody_sets_back(metered):
    """Nothing is counted twice, and counting goes on."""
    ran = metered("once-per-window=1s").run(
        """
        import meterize_hooks.system, time
        System, real, shift = meterize_hooks.system.System, time.time, 0
        System.time = staticmethod(lambda: real() + shift)
        import metered
        from calls import is_armed
        time.sleep(1 - time.time() % 1 + 0.05)
        metered.work()
        shift = -1000
        from meterize_hooks.runtime import RUNTIME
        RUNTIME._wake()
        metered.work()
        time.sleep(1.2)
        RUNTIME._wake()
        assert is_armed(metered.work)
        metered.work(); metered.work()
        """
    )
    assert ran.uses == {(WORK, None): 2}


@pytest.mark.parametrize("policy", ["first=2", "once-per-subject", "once-per-window=1d"])
def test_rearmed_for_each_test(metered, policy):
    ran = metered(policy).run(
        """
        import metered, builtins
        door = builtins.__meterize__
        for n in range(1, 4):
            door.rearm()
            for _ in range(5): metered.work()
        print(door.snapshot()["dist/feat/1"])
        """
    )
    assert ran.out == {"first=2": "6\n"}.get(policy, "3\n")


@pytest.mark.parametrize("policy", ["first=2", "once-per-subject", "once-per-window=1d"])
def test_closures_reloads_and_many_hooks_in_one_function(bench, policy):
    bench.meter(
        """
        def both(n):
            if n:
                n += 1  # hook
            else:
                n -= 1  # hook
            return n
        """,
        policy=policy,
    )
    ran = bench.run(
        """
        import metered, importlib
        for _ in range(3): metered.both(1)
        importlib.reload(metered)
        for _ in range(3): metered.both(0); metered.both(1)
        """
    )
    times = 2 if policy == "first=2" else 1
    assert ran.uses == {("1", None): times, ("2", None): times}


@MONITORED
@pytest.mark.parametrize("policy", ["first=2", "once-per-subject", "once-per-window=1d"])
def test_restarted_events_count_nothing_twice(metered, policy):
    ran = metered(policy).run(
        """
        import sys, metered
        for _ in range(5):
            for _ in range(3): metered.work()
            sys.monitoring.restart_events()
        """
    )
    assert ran.uses == {(WORK, None): 2 if policy == "first=2" else 1}
