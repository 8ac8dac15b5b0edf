"""What an application could notice of the hooks, and must not."""

from __future__ import annotations

import pytest

SOURCE = "def work():\n    return 1  # hook\n"

POLICIES = pytest.mark.parametrize("policy", ["once", "every"])

HEAVY = {"asyncio", "collections", "contextlib", "dataclasses", "enum", "functools", "json", "logging", "re", "signal"}
HEAVY |= {"subprocess", "threading", "typing", "uuid", "hashlib", "inspect", "pathlib", "ctypes", "socket"}


@POLICIES
def test_the_import_is_light(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import atexit, os, sys, types
        before = set(sys.modules)
        import metered
        metered.work()
        print(*(set(sys.modules) - before))
        """,
        "-S",
    )
    brought = set(ran.out.split())
    assert not brought & HEAVY
    foreign = {name for name in brought if not name.startswith(("metered", "meterize_hooks"))}
    light = {"_contextvars", "_ctypes", "_functools", "_json", "_sha2", "_sha256", "_struct", "binascii", "errno", "fcntl"}
    assert foreign <= {"__future__"} | light, foreign


@POLICIES
def test_nothing_in_the_module_but_its_own_names(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import metered, types
        bare = types.ModuleType("bare")
        exec(compile(open(metered.__file__).read(), metered.__file__, "exec"), vars(bare))
        print(sorted(set(vars(metered)) - set(vars(bare)) - {"__file__", "__cached__"}))
        """
    )
    assert ran.out == "[]\n"


@POLICIES
def test_no_thread_to_be_seen(bench, policy):
    bench.meter(SOURCE, policy=policy)
    bench.run(
        """
        import metered, threading, time
        metered.work(); time.sleep(0.2)
        assert threading.enumerate() == [threading.main_thread()]
        assert threading.active_count() == 1
        """
    )


@POLICIES
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_frozen_clock_and_forbidden_functions(bench, policy, when):
    """As freezegun, pyfakefs and the like do it: the attributes of every module that hold the function are replaced."""
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        f"""
        import sys, os, time
        class Keep: sleep = time.sleep
        def forbid():
            def refuse(*_, **__): raise AssertionError("patched")
            real = [time.time, time.sleep, os.open, os.write, os.pwrite, os.stat, os.fstat, os.urandom]
            real += [os.mkdir, os.rename, open]
            for module in list(sys.modules.values()):
                if module.__name__ != "posix":
                    for name, value in list(vars(module).items()):
                        if any(value is one for one in real):
                            setattr(module, name, refuse)
        if {when == "before"}:
            import metered
            metered.work()
            os.environ["METERIZE_SPOOL"] = "/elsewhere"
            forbid()
            Keep.sleep(0.3)
        else:
            import metered
            forbid()
            metered.work()
            Keep.sleep(0.3)
        """
    )
    assert ran.uses == {("1", None): 1}
    assert not ran.err
    assert ran.processes[0].header.made.year > 2020


@POLICIES
def test_a_program_that_fails_fails_as_before(bench, policy):
    bench.meter("def work(n):\n    return 1 / n  # hook\n", policy=policy)
    metered = bench.run("import metered; metered.work(0)", check=False)
    bare = bench.run("import metered; metered.work(0)", hooks=False, check=False)
    assert metered.err == bare.err
    assert "ZeroDivisionError" in metered.err
    assert metered.returncode == bare.returncode == 1


@POLICIES
def test_with_every_warning_an_error_and_in_development_mode(bench, policy):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(
        """
        import metered, os, gc
        metered.work()
        if os.fork() == 0: os._exit(0)
        os.wait()
        gc.collect()
        """,
        "-X",
        "dev",
        "-W",
        "error",
        "-b",
    )
    assert not ran.err
    assert ran.uses == {("1", None): 1}


@pytest.mark.parametrize(
    "broken",
    [
        "raise ImportError",
        "raise AttributeError",
        "",
        "def arm(table): raise TypeError",
        "def arm(): pass",
        "arm = None",
    ],
)
@POLICIES
def test_a_broken_runtime_is_no_runtime(bench, policy, broken):
    bench.meter(SOURCE, policy=policy)
    (bench.folder / "meterize_hooks.py").write_text(broken)
    ran = bench.run("import metered; print(metered.work())", hooks=False)
    assert (ran.out, ran.err) == ("1\n", "")


@pytest.mark.parametrize("blocked", ["None", "type(sys)('meterize_hooks')"])
@POLICIES
def test_a_process_that_must_not_count(bench, policy, blocked):
    bench.meter(SOURCE, policy=policy)
    ran = bench.run(f"import sys; sys.modules['meterize_hooks'] = {blocked}; import metered; print(metered.work())")
    assert (ran.out, ran.err) == ("1\n", "")
    assert not ran.processes


@pytest.mark.parametrize(
    "table",
    [
        None,
        (),
        ("meterize", 2, "d", "1", ()),
        ("meterize", 1, "d", "1"),
        ("meterize", 1, None, "1", ()),
        ("meterize", 1, "d", "1", None),
        ("meterize", 1, "d", "1", (None,)),
        ("meterize", 1, "d", "1", (("h", "f", "once", "inline", (), 0, 0),)),
        ("meterize", 1, "d", "1", (("h", "f", "once", "monitoring", (99,), 0, 0),)),
        ("meterize", 1, "d", "1", (("h", "f", "once", "monitoring", (-1,), 0, 0),)),
        ("meterize", 1, "d", "1", (("h", "f", "once", "monitoring", ("x",), 0, 0),)),
        ("meterize", 1, "d", "1", (("h", "f", "once", "monitoring", (0, 0), 0, 0),)),
        ("meterize", 1, "d", "1", (("h", "f", "once", "in-place", (), 0, 300),)),
        ("meterize", 1, "d", "1", (("h", "f", "once", "in-place", (), 0, -1),)),
        ("meterize", 1, "d", "1", (("h", "f", "every", "inline", (), -2, 0),)),
        ("meterize", 1, "d", "1", (("h", "f", "every", "inline", (), 10**30, 0),)),
    ],
)
def test_a_bad_table_is_reported_and_nothing_else(bench, table):
    ran = bench.run(f"import meterize_hooks; print(meterize_hooks.arm({table!r}))")
    assert (ran.out, ran.err) == ("None\n", "")
    assert len(ran.lost) == 1
    assert not ran.uses


@POLICIES
def test_modules_armed_by_many_threads_at_once(bench, policy):
    for number in range(12):
        bench.meter(SOURCE.replace("work", f"work{number}"), policy=policy, name=f"metered{number}")
    ran = bench.run(
        """
        import threading, sys, importlib
        sys.setswitchinterval(1e-6)
        barrier = threading.Barrier(12)
        def go(number):
            barrier.wait()
            getattr(importlib.import_module(f"metered{number}"), f"work{number}")()
        threads = [threading.Thread(target=go, args=(number,)) for number in range(12)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """
    )
    # The twelve modules share one hook id.
    assert ran.uses == {("1", None): {"once": 1, "every": 12}[policy]}
    assert not ran.lost
