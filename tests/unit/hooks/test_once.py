"""Hooks that go away: they count once, whoever runs, copies, watches or reloads the code, and leave nothing behind."""

from __future__ import annotations

import contextlib
import sys
import traceback
from pathlib import Path

import pytest

from meterize.cpython.versions import HAS_MONITORING

MONITORED = pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring is of 3.12+")
JOINING = pytest.mark.skipif(sys.version_info[:2] != (3, 12), reason="3.12 alone joins instructions as it runs")
IN_PLACE = pytest.mark.skipif(HAS_MONITORING, reason="code is written in place on 3.11 only")

SOURCE = """
    def work(n):
        total = 0
        for i in range(n):
            if i == 5:
                total += 100  # hook
        return total

    def steps():
        while True:
            x = yield 1
            if x:
                y = 2  # hook

    def outer(k):
        def inner(x):
            return x + k  # hook
        return inner

    def small():
        return 1  # hook

    async def waits():
        return 2  # hook

    def fails():
        try:
            raise KeyError
        except KeyError:
            return 3  # hook
    """
WORK, STEPS, INNER, SMALL, WAITS, FAILS = "123456"

GONE = """
def gone(function):
    "Whether nothing of a hook is left to run in this code."
    import builtins, sys
    code = function.__code__
    if hasattr(sys, "monitoring"):
        return all(not sys.monitoring.get_local_events(tool, code) for tool in range(6) if sys.monitoring.get_tool(tool))
    calls = []
    once, builtins.__meterize_once__ = builtins.__meterize_once__, calls.append
    try:
        function(10) if code.co_argcount else function()
    finally:
        builtins.__meterize_once__ = once
    return not calls
"""


@pytest.fixture
def once(bench):
    bench.meter(SOURCE, policy="once")
    (bench.folder / "gone.py").write_text(GONE)
    return bench


def test_every_kind_of_code_fires_and_is_itself_again(once):
    ran = once.run(
        """
        import metered, asyncio
        from gone import gone
        metered.small(); assert gone(metered.small)
        assert metered.work(10) == 100; assert gone(metered.work)
        asyncio.run(metered.waits())
        assert metered.fails() == 3; assert gone(metered.fails)
        steps = metered.steps()
        next(steps); steps.send(0); steps.send(1)
        assert metered.outer(1)(2) == 3
        """
    )
    assert ran.uses == {(number, None): 1 for number in "123456"}
    assert not ran.err


def test_armed_and_not_reached(once):
    ran = once.run(
        """
        import metered
        from gone import gone
        metered.work(3)
        assert not gone(metered.small)
        """
    )
    assert not ran.uses


def test_closures_share_a_hook(once):
    ran = once.run("import metered; print([metered.outer(k)(1) for k in range(5)])")
    assert ran.out == "[1, 2, 3, 4, 5]\n"
    assert ran.uses == {(INNER, None): 1}


@pytest.mark.parametrize("policy", ["once", "every"])
def test_two_hooks_at_one_place_count_both(bench, policy):
    """Two features may own the same function; arming the second must not forget the first."""
    bench.meter(
        """
        def entry():
            return 1  # hook # hook

        def inside(x):
            if x:
                x += 1  # hook # hook
            return x
        """,
        policy=policy,
    )
    ran = bench.run("import metered; metered.entry(); metered.inside(0); metered.inside(1)")
    assert ran.uses == {(number, None): 1 for number in "1234"}


@pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring came with 3.12")
def test_at_its_entry_a_function_is_watched_for_its_start_alone(bench):
    bench.meter("def entry():\n    return 1  # hook\n", policy="once")
    ran = bench.run(
        """
        import sys, metered
        monitoring = sys.monitoring
        def events():
            return [monitoring.get_local_events(tool, metered.entry.__code__) for tool in range(6) if monitoring.get_tool(tool)]
        print(events() == [monitoring.events.PY_START], metered.entry(), events())
        """
    )
    assert ran.out == "True 1 [0]\n"
    assert ran.uses == {("1", None): 1}


def test_suspended_generators(once):
    ran = once.run(
        """
        import metered
        many = [metered.steps() for _ in range(10)]
        for steps in many: next(steps)
        for steps in many: steps.send(1)
        """
    )
    assert ran.uses == {(STEPS, None): 1}


def test_threads_that_fire_at_once_count_once(once):
    ran = once.run(
        """
        import metered, threading, sys, builtins
        sys.setswitchinterval(1e-6)
        for n in range(50):
            barrier = threading.Barrier(8)
            def go():
                barrier.wait()
                for _ in range(20): metered.small(); metered.work(10)
            threads = [threading.Thread(target=go) for _ in range(8)]
            [t.start() for t in threads]; [t.join() for t in threads]
            builtins.__meterize__.rearm()
        """
    )
    assert ran.uses == {(SMALL, None): 50, (WORK, None): 50}


def test_rehomed_functions_run(once):
    ran = once.run(
        """
        import metered, types
        for home in ({}, {"__builtins__": {}}, {"__builtins__": None}):
            print(types.FunctionType(metered.small.__code__, home)())
        """
    )
    assert ran.out == "1\n" * 3
    assert ran.uses == {(SMALL, None): 1}


def test_a_copy_of_the_code_counts_no_second_time(once):
    ran = once.run(
        """
        import metered, types
        from gone import gone
        copy = types.FunctionType(metered.small.__code__.replace(co_name="copy"), metered.__dict__)
        copy(); copy()
        assert gone(copy)
        metered.small()
        """
    )
    assert ran.uses == {(SMALL, None): 1}


def test_code_by_value_runs_in_another_process(once):
    once.run("import metered, marshal; open('code', 'wb').write(marshal.dumps(metered.small.__code__))")
    for hooks in (True, False):
        ran = once.run("import marshal, types; print(types.FunctionType(marshal.load(open('code', 'rb')), {})())", hooks=hooks)
        assert (ran.out, ran.err) == ("1\n", "")


def test_reload_registers_anew_and_counts_once(once):
    ran = once.run(
        """
        import metered, importlib
        old = metered.work
        importlib.reload(metered)
        metered.work(10)
        importlib.reload(metered)
        metered.work(10); old(10)
        """
    )
    assert ran.uses == {(WORK, None): 1}


def test_import_under_two_names(once):
    ran = once.run(
        """
        import sys, metered
        first = sys.modules.pop("metered")
        import metered
        assert metered is not first
        first.small(); metered.small()
        """
    )
    assert ran.uses == {(SMALL, None): 1}


def test_a_second_import_of_the_runtime_is_the_same_runtime(once):
    ran = once.run(
        """
        import sys, metered
        for name in [name for name in sys.modules if name.startswith("meterize_hooks")]: del sys.modules[name]
        again = sys.modules.pop("metered")
        import metered
        from meterize_hooks import subject
        with subject("x"):
            again.small(); metered.small(); metered.work(10)
        """
    )
    assert ran.uses == {(SMALL, "x"): 1, (WORK, "x"): 1}
    assert len(ran.processes) == 1


def test_code_may_die(once):
    ran = once.run(
        """
        import sys, gc
        for _ in range(20):
            import metered
            metered.work(3)
            del metered, sys.modules["metered"]
            gc.collect()
        import metered, builtins
        builtins.__meterize__.rearm()
        metered.small()
        """
    )
    assert ran.uses == {(SMALL, None): 1}


def test_rearm_and_snapshot(once):
    ran = once.run(
        """
        import metered, builtins
        door = builtins.__meterize__
        metered.small(); metered.small()
        print(sorted(door.snapshot().values()))
        door.rearm()
        metered.work(10); metered.small(); metered.small()
        print(sorted(door.snapshot().values()), len(door.hooks))
        """
    )
    assert ran.out == "[0, 0, 0, 0, 0, 1]\n[0, 0, 0, 0, 1, 2] 6\n"
    assert ran.uses == {(SMALL, None): 2, (WORK, None): 1}


def test_a_hook_fires_again_in_a_forked_child_also_inside_a_running_frame(once):
    ran = once.run(
        """
        import metered, os, sys
        steps = metered.steps()
        next(steps); steps.send(1)
        pid = os.fork()
        steps.send(1)
        if pid == 0: sys.exit()
        os.wait()
        """
    )
    assert ran.uses == {(STEPS, None): 2}
    assert len(ran.processes) == 2


def test_recursion_reaches_as_deep(once):
    once.meter(
        """
        def deep(n):
            try:
                return deep(n + 1)
            except RecursionError:
                return n  # hook
        """,
        policy="once",
        name="recursing",
    )
    ran = once.run(
        """
        import recursing
        ns = {}
        exec("def deep(n):\\n try:\\n  return deep(n + 1)\\n except RecursionError:\\n  return n", ns)
        bare, armed = ns["deep"](0), recursing.deep(0)
        fired = []
        for _ in range(3): fired.append(bare - recursing.deep(0))
        print(bare - armed, fired)
        """
    )
    difference, after = ran.out.split(" ", 1)
    assert abs(int(difference)) <= 1
    assert after == "[0, 0, 0]\n"
    assert not ran.err


def test_a_signal_handlers_exception_is_the_applications(once):
    """Wherever it strikes, it arrives, and a use is told once or, where the code never got to it, not at all."""
    ran = once.run(
        """
        import metered, signal, builtins
        class Stop(Exception): pass
        def handler(*_): raise Stop
        signal.signal(signal.SIGALRM, handler)
        door = builtins.__meterize__
        arrived = 0
        for n in range(400):
            door.rearm()
            before = door.snapshot()["dist/feat/4"]
            passed = False
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00005 + n * 0.0000005)
                while True:
                    metered.small()
                    passed = True
            except Stop:
                arrived += 1
            uses = door.snapshot()["dist/feat/4"] - before
            assert uses == 1 if passed else uses <= 1, (uses, passed)
        print(arrived > 0)
        """
    )
    assert ran.out == "True\n"


@MONITORED
@pytest.mark.parametrize("error", ["RuntimeError", "ValueError", "MemoryError", "TypeError"])
def test_a_signal_handlers_exception_is_never_taken_for_ours(once, error):
    """Whatever its type: armed code is struck until it has struck inside the callback a few times."""
    once.run(
        f"""
        import metered, signal, builtins
        from collections import Counter
        def handler(*_):
            raise {error}("by the handler")
        signal.signal(signal.SIGALRM, handler)
        where = Counter()
        while where["on_event"] < 3 and sum(where.values()) < 3000:
            builtins.__meterize__.rearm()
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + sum(where.values()) % 40))
                for _ in range(1000): metered.outer(1)(2); metered.work(10); metered.fails(); metered.small()
                assert not "reached"
            except {error} as caught:
                trace = caught.__traceback__
                while trace.tb_next.tb_next: trace = trace.tb_next
                where[trace.tb_frame.f_code.co_name] += 1
        assert where["on_event"], where
        """
    )


def test_a_tracer_sees_what_it_would_see(once):
    """And the hook fires under it, as under pdb."""
    ran = once.run(
        """
        import metered, sys
        def trace(function, *args):
            seen = []
            def tracer(frame, event, arg):
                if frame.f_code.co_filename == metered.__file__:
                    seen.append((event, frame.f_lineno))
                    return tracer
            sys.settrace(tracer)
            try: function(*args)
            finally: sys.settrace(None)
            return seen
        first, second = trace(metered.work, 7), trace(metered.work, 7)
        assert first == second, (first, second)
        bare = {}
        exec(compile(open(metered.__file__).read(), metered.__file__, "exec"), bare)
        assert trace(bare["work"], 7) == first
        """
    )
    assert ran.uses == {(WORK, None): 1}


def test_pdb_stops_where_the_user_asks(once):
    (once.folder / ".pdbrc").write_text("")
    ran = once.run(
        """
        import metered, pdb, io, sys
        commands = io.StringIO("b metered:6\\nc\\np total\\nn\\np total\\nc\\n")
        debugger = pdb.Pdb(stdin=commands, stdout=sys.stdout, nosigint=True, readrc=False)
        debugger.prompt = ""
        debugger.runcall(metered.work, 8)
        """
    )
    assert "\n0\n" in ran.out
    assert "\n100\n" in ran.out
    assert ran.uses == {(WORK, None): 1}


@pytest.mark.parametrize("core", ["ctrace", "pytrace", *(["sysmon"] if HAS_MONITORING else [])])
def test_coverage_at_the_same_time(once, core):
    ran = once.run(
        """
        import coverage, sys
        measure = coverage.Coverage(data_file=None, include=["*/metered.py"], branch=False)
        measure.start()
        import metered
        metered.work(10); metered.small(); metered.work(10)
        measure.stop()
        print(sorted(measure.get_data().lines(metered.__file__)))
        """,
        environment={"COVERAGE_CORE": core},
    )
    assert ran.out == "[2, 3, 4, 5, 6, 7, 9, 15, 20, 21, 23, 26]\n"
    assert ran.uses == {(WORK, None): 1, (SMALL, None): 1}


@MONITORED
@pytest.mark.parametrize("armed", ["before", "after"])
def test_another_monitoring_tool_sees_what_it_would_see(once, armed):
    """But for INSTRUCTION events at the beginning of a line, once: CPython leaves them out where a LINE event is disabled. From
    3.14 on a branch not taken is seen at NOT_TAKEN, once, instead of at the jump before it.
    """
    ran = once.run(
        """
        import sys, metered, builtins, dis, os
        armed = os.environ["ARMED"]
        monitoring = sys.monitoring
        events = monitoring.events
        def watch(function, kind, disable):
            seen = []
            monitoring.use_tool_id(2, "other")
            def callback(code, *args):
                if code is function.__code__:
                    seen.append(args[0])
                    if disable: return monitoring.DISABLE
            monitoring.register_callback(2, kind, callback)
            if armed == "before": builtins.__meterize__.rearm()
            monitoring.set_events(2, kind)
            if armed == "after": builtins.__meterize__.rearm()
            function(8)
            monitoring.set_events(2, 0)
            monitoring.register_callback(2, kind, None)
            monitoring.free_tool_id(2)
            return seen
        bare = {}
        exec(compile(open(metered.__file__).read(), metered.__file__, "exec"), bare)
        code = list(dis.get_instructions(bare["work"]))
        jumps = {two.offset: one.offset for one, two in zip(code, code[1:]) if two.opname == "NOT_TAKEN"}
        lines = len(list(bare["work"].__code__.co_lines()))
        for name in ("INSTRUCTION", "LINE", "PY_START", "PY_RETURN", "JUMP", "BRANCH", "CALL"):
            for disable in (False, True):
                kind = getattr(events, name)
                ours, theirs = watch(metered.work, kind, disable), watch(bare["work"], kind, disable)
                if name == "BRANCH":
                    ours = [jumps.get(offset, offset) for offset in ours]
                if name == "INSTRUCTION":
                    least = 0 if sys.version_info >= (3, 14) else 1  # where it is mended
                    assert least <= len(theirs) - len(ours) <= lines, (disable, ours, theirs)
                else:
                    assert ours == theirs and ours, (name, disable, ours, theirs)
        """,
        environment={"ARMED": armed},
    )
    assert ran.uses == {(WORK, None): 14}
    assert not ran.err


@MONITORED
def test_restarted_events_count_nothing_twice(once):
    ran = once.run(
        """
        import sys, metered
        once_more = compile(open(metered.__file__).read(), metered.__file__, "exec")
        for _ in range(5):
            metered.small(); metered.work(10); metered.work(2)
            sys.monitoring.restart_events()
        """
    )
    assert ran.uses == {(SMALL, None): 1, (WORK, None): 1}


@MONITORED
def test_no_tool_id_left(once):
    ran = once.run(
        """
        import sys
        for tool in range(6): sys.monitoring.use_tool_id(tool, "other")
        import metered, builtins
        print(metered.small(), builtins.__meterize__.hooks, builtins.__meterize__.snapshot())
        """
    )
    assert ran.out == "1 () {}\n"
    assert not ran.uses
    assert ran.lost == ["no-monitoring-tool"] * 6
    assert not ran.err


@MONITORED
@pytest.mark.parametrize(("taken", "expected"), [([], 4), ([4], 3), ([4, 3], 5)])
def test_the_ids_of_debugger_coverage_and_profiler_stay_free(once, taken, expected):
    ran = once.run(
        f"""
        import sys
        for tool in {taken}: sys.monitoring.use_tool_id(tool, "other")
        import metered
        print([tool for tool in range(6) if sys.monitoring.get_tool(tool) == "meterize"])
        import cProfile
        profile = cProfile.Profile(); profile.enable(); metered.small(); profile.disable()
        """
    )
    assert ran.out == f"[{expected}]\n"
    assert ran.uses == {(SMALL, None): 1}


@MONITORED
def test_somebody_frees_our_tool_id(once):
    ran = once.run(
        """
        import sys, metered
        sys.monitoring.free_tool_id(4)
        print(metered.small(), metered.work(10), metered.work(10))
        """
    )
    assert ran.out == "1 100 100\n"
    assert not ran.err


@MONITORED
def test_code_is_as_compiled(once):
    ran = once.run(
        """
        import metered
        bare = {}
        exec(compile(open(metered.__file__).read(), metered.__file__, "exec"), bare)
        for name in ("work", "steps", "small"):
            ours, theirs = getattr(metered, name).__code__, bare[name].__code__
            before = hash(ours)
            assert ours == theirs and before == hash(theirs) and ours.co_code == theirs.co_code
        metered.work(10)
        assert metered.work.__code__ == bare["work"].__code__ and hash(metered.work.__code__) == hash(bare["work"].__code__)
        """
    )
    assert not ran.err


@MONITORED
def test_where_lines_begin():
    """As CPython's own reading has it, for code of every shape."""
    from meterize.cpython.identity import walk
    from meterize_hooks.monitoring import begins_line

    for file in (contextlib.__file__, traceback.__file__, __file__):
        for _, code in walk(compile(Path(file).read_text(), file, "exec")):
            starts = {start for start, _, line in code.co_lines() if line is not None}
            ours = {offset for offset in range(0, len(code.co_code), 2) if begins_line(code, {offset})}
            assert ours == starts, code


@IN_PLACE
def test_memory_is_written_only_where_the_table_says(once):
    """A code object that is not what its table says is left alone, and metered by its call as long as that comes."""
    ran = once.run(
        """
        import meterize_hooks, builtins
        module = compile("def plain(): return 1\\narm(TABLE)", "m", "exec")
        space = {"arm": meterize_hooks.arm}
        for offset in (2, 3, 4, 10**9):
            space["TABLE"] = ("meterize", 1, "d", "1", (("d/f/1", "f", "once", "in-place", (0,), offset, 7),))
            exec(module, space)
        before = space["plain"].__code__.co_code
        builtins.__meterize_once__("d/f/1")
        assert space["plain"].__code__.replace().co_code == before
        assert space["plain"]() == 1
        """
    )
    assert ran.losses == {"not-in-place": 3, "no-such-code": 1}


@pytest.mark.parametrize("tracer", ["settrace", "setprofile"])
def test_tracing_begins_and_ends_while_the_code_runs(once, tracer):
    ran = once.run(
        f"""
        import metered, sys
        steps = metered.steps()
        next(steps)
        sys.{tracer}(lambda *_: None)
        steps.send(0); steps.send(1)
        sys.{tracer}(None)
        steps.send(1)
        metered.work(10)
        sys.{tracer}(lambda *_: None)
        metered.small()
        """
    )
    assert ran.uses == {(STEPS, None): 1, (WORK, None): 1, (SMALL, None): 1}


def test_long_code_with_wide_operands(once):
    """Hooks beyond 256 names, constants and jump units."""
    body = "\n".join(f"    x{n} = n + {n + 1000}.5" for n in range(400))
    tail = "\n".join(f"    y{n} = x{n} if n else 0" for n in range(400))
    source = f"def wide(n):\n{body}\n    if n:\n        z = x399  # hook\n{tail}\n    return y399\n"
    once.meter(source, policy="once", name="wide")
    ran = once.run("import wide; print(wide.wide(0), wide.wide(1), wide.wide(1))")
    assert ran.out == "0 1400.5 1400.5\n"
    assert ran.uses == {("1", None): 1}


JOINED = """
def joined(code):
    "Which instructions are joined with the next one."
    pairs = zip(code.co_code[::2], code._co_code_adaptive[::2])
    return [place for place, (apart, now) in enumerate(pairs) if apart in (100, 124, 125) and apart != now < 237]
"""


@JOINING
@pytest.mark.parametrize("function", ["work", "entry"])
def test_what_was_joined_is_joined_again(bench, function):
    """A copy of a code object is made anew, so that it shows how the untouched one was."""
    at_entry = """
    def entry(n):
        one = n  # hook
        two = one
        return one + two
    """
    bench.meter(SOURCE + at_entry, policy="once")
    ran = bench.run(
        JOINED
        + f"""
import metered
function = metered.{function}
code, copy = function.__code__, function.__code__.replace()
untouched = joined(copy)
assert untouched and not joined(code), "taken apart while a hook waits"
function(10)
assert joined(code) == untouched
assert code == copy and hash(code) == hash(copy) and code.co_code == copy.co_code
assert [function(10), function(3)] == [type(function)(copy, {{}})(10), type(function)(copy, {{}})(3)]
from meterize_hooks.runtime import RUNTIME
RUNTIME.rearm()
assert not joined(code)
function(10)
assert joined(code) == untouched
"""
    )
    assert sum(ran.uses.values()) == 2


@JOINING
def test_nothing_is_joined_over_what_somebody_watches(once):
    """A line that begins with the second of a pair is reported, before the hook goes and after."""
    ran = once.run(
        JOINED
        + """
import sys
import metered
seen = []
sys.monitoring.use_tool_id(1, "other")
sys.monitoring.register_callback(1, sys.monitoring.events.LINE, lambda code, line: seen.append(line - code.co_firstlineno))
code, copy = metered.work.__code__, metered.work.__code__.replace()
untouched = joined(copy)
for each in (code, copy):
    sys.monitoring.set_local_events(1, each, sys.monitoring.events.LINE)
    function = metered.work if each is code else type(metered.work)(copy, {})
    function(7), function(7)
    print(seen)
    seen.clear()
for each in (code, copy):
    sys.monitoring.set_local_events(1, each, 0)
assert set(joined(code)) < set(untouched)
"""
    )
    hooked, bare = ran.out.splitlines()
    assert hooked == bare
    assert ran.uses == {(WORK, None): 1}
