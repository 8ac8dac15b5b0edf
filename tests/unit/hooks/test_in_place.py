"""Hooks that are written in place (CPython 3.11): where they were, what the compiler wrote stands again."""

from __future__ import annotations

import pytest

from meterize.cpython.versions import HAS_MONITORING

pytestmark = pytest.mark.skipif(HAS_MONITORING, reason="code is written in place on 3.11 only")

FAR = "\n".join(f"        total = total + n * {number} - n" for number in range(60))
SOURCE = f"""
    LIMIT = 5

    def small(n):
        return n + LIMIT  # hook

    def summed(values):
        total = 0  # hook
        for value in values:
            total += value
        return total

    def inner(values):
        total = 0
        for value in values:
            if value > LIMIT:
                total += value  # hook
        return total

    def far(n):
        total = len(str(n))  # hook
{FAR}
        return total

    def branch(n):
        if n < 0:
            return LIMIT - n  # hook
        total = n
{FAR}
        return total

    def generated(values):
        for value in values:
            yield value
            value += LIMIT  # hook
            yield value

    def guarded(n):
        try:
            return LIMIT // n
        except ZeroDivisionError:
            LIMIT  # hook
            return -1
    """
COMPILED = """
import marshal
def compiled():
    "The functions' code as the compiler wrote it, by name."
    module = compile(open(__file__.replace("compiled.py", "metered.py")).read(), "metered.py", "exec", dont_inherit=True)
    return {const.co_name: const.co_code for const in module.co_consts if hasattr(const, "co_code")}
"""
ALL = """
functions = ("small", "summed", "inner", "far", "generated", "guarded")
def run_all():
    return (metered.small(1), metered.summed(range(9)), metered.inner(range(9)), metered.far(7),
            list(metered.generated(range(9))), metered.guarded(0))
"""


@pytest.fixture
def bench(bench):
    bench.meter(SOURCE, policy="once")
    (bench.folder / "compiled.py").write_text(COMPILED)
    return bench


def test_the_code_is_as_compiled_again(bench):
    ran = bench.run(
        "import metered, compiled\n"
        + ALL
        + """
first, again = run_all(), [run_all() for _ in range(30)]
assert again == [first] * 30
for name in functions:
    wanted = compiled.compiled()[name]
    assert getattr(metered, name).__code__.co_code[: len(wanted)] == wanted, name
"""
    )
    assert ran.uses == {(str(number), None): 1 for number in (1, 2, 3, 4, 6, 7)}


def test_a_frame_in_a_loop_is_back_in_the_compiled_code_at_its_next_turn(bench):
    bench.run(
        """
        import metered, compiled, sys
        length = len(compiled.compiled()["summed"])
        seen = []
        class Value(int):
            def __radd__(self, other):
                seen.append(sys._getframe(1).f_lasti < length)
                return other + int(self)
        assert metered.summed([Value(n) for n in range(4)]) == 6
        assert seen == [False, True, True, True], seen
        """
    )


def test_a_hook_that_is_brought_back_fires_and_goes_again(bench):
    """Specialised by then, and with caches that are filled."""
    ran = bench.run(
        "import builtins, metered, compiled\n"
        + ALL
        + """
first = run_all()
for turn in range(20):
    for _ in range(turn):
        assert run_all() == first
    builtins.__meterize__.rearm()
    metered.LIMIT, kept = 7, metered.LIMIT
    other = run_all()
    metered.LIMIT = kept
    assert other != first
    assert run_all() == first
assert set(builtins.__meterize__.snapshot().values()) == {0, 21}
for name in functions:
    wanted = compiled.compiled()[name]
    assert getattr(metered, name).__code__.co_code[: len(wanted)] == wanted, name
"""
    )
    assert set(ran.uses.values()) == {21}


def test_under_threads_that_run_everything_meanwhile(bench):
    """Hooks come and go where frames wait in the middle of what is written."""
    bench.run(
        "import builtins, metered, sys, threading, time\n"
        + ALL
        + """
sys.setswitchinterval(1e-6)
first, wrong, stop = run_all(), [], False
def work():
    suspended = []
    while not stop:
        if run_all() != first:
            wrong.append(1)
        suspended.append(metered.generated(range(9)))
        next(suspended[-1])
        if len(suspended) > 20:
            if [list(one) for one in suspended] != [first[4][1:]] * len(suspended):
                wrong.append(2)
            suspended.clear()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
ends = time.monotonic() + 3
turns = 0
while time.monotonic() < ends:
    builtins.__meterize__.rearm()
    turns += 1
stop = True
for thread in threads: thread.join()
assert not wrong and turns > 50, (wrong, turns)
assert run_all() == first
"""
    )


def test_a_forked_child_counts_its_own_and_is_as_compiled_again(bench):
    ran = bench.run(
        "import metered, compiled, os\n"
        + ALL
        + """
first = run_all()
waiting = metered.generated(range(3)); next(waiting)
if os.fork() == 0:
    assert (list(waiting), run_all()) == ([5, 1, 6, 2, 7], first)
    for name in functions:
        wanted = compiled.compiled()[name]
        assert getattr(metered, name).__code__.co_code[: len(wanted)] == wanted, name
    os._exit(0)
assert os.wait()[1] == 0
"""
    )
    assert ran.counted == [6, 6]


def test_a_hook_that_fires_in_warm_code_goes_as_well(bench):
    """CPython has another form of a far detour's EXTENDED_ARG by then."""
    bench.run(
        """
        import metered, compiled
        wanted = compiled.compiled()["branch"]
        first = [metered.branch(n) for n in range(100)]
        metered.branch(-1)
        assert metered.branch.__code__.co_code[: len(wanted)] == wanted
        assert [metered.branch(n) for n in range(100)] == first
        """
    )


@pytest.mark.parametrize("globals_before", range(0, 40, 3))
@pytest.mark.parametrize("way", ["replace", "marshal"])
def test_code_is_whole_while_a_hook_waits_again(bench, globals_before, way):
    """What was in the caches of the instruction beneath a detour is not left to be read as instructions."""
    bench.meter(
        "".join(f"    g{number} = {number}\n" for number in range(globals_before))
        + """
    LIMIT = 5
    def work(x, y):
        LIMIT  # hook
        return [x, y, x, y, x]
    """,
        policy="once",
        name="filled",
    )
    bench.run(
        f"""
        import builtins, filled, marshal, os, types
        for _ in range(60): filled.work(1, 2)
        if os.fork():
            assert os.wait()[1] == 0
            builtins.__meterize__.rearm()
        code = filled.work.__code__
        copy = code.replace(co_name="copied") if "{way}" == "replace" else marshal.loads(marshal.dumps(code))
        copied = types.FunctionType(copy, vars(filled))
        for _ in range(20):
            assert copied(1, 2) == filled.work(1, 2) == [1, 2, 1, 2, 1]
        """
    )


@pytest.mark.parametrize("at", range(1, 4))
def test_a_hook_that_is_woken_while_it_goes_is_not_lost(bench, at):
    """Wherever another thread or a signal may come in."""
    bench.run(
        f"""
        import builtins, metered
        door = builtins.__meterize__
        hooks = door.runtime._registry._in_place
        (site,) = hooks._sites["dist/feat/1"][1].values()
        real, calls = site.span_at, []
        def span_at(address):
            calls.append(address)
            if len(calls) == {at}: door.rearm()
            return real(address)
        site.span_at = span_at
        metered.small(1)
        site.span_at = real
        for _ in range(3):
            door.rearm()
            before = door.snapshot()["dist/feat/1"]
            metered.small(1), metered.small(1)
            assert door.snapshot()["dist/feat/1"] == before + 1
        """
    )


def test_a_module_whose_code_is_run_twice_loses_nothing(bench):
    ran = bench.run(
        """
        import builtins, importlib.util, marshal
        code = marshal.loads(open(importlib.util.find_spec("metered").cached, "rb").read()[16:])
        for turn in range(4):
            module = {"__name__": "metered"}
            exec(code, module)
            assert [module["summed"](range(4)) for _ in range(20)] == [6] * 20
            if turn > 1: builtins.__meterize__.rearm()
        """
    )
    assert not ran.lost
    assert ran.uses == {("2", None): 2}


def test_two_versions_of_a_module_in_one_process(bench):
    """An upgrade and a reload: hooks of one id at one offset, whose detours stand elsewhere."""
    for name, lines in (("first", "LIMIT  # hook\n        LIMIT\n        LIMIT"), ("second", "FIRST\n        LIMIT  # hook")):
        bench.meter(
            f"""
            LIMIT = FIRST = 5
            def work(x):
                {lines.replace("        ", "                ")}
                return x
            """,
            policy="once",
            name=name,
        )
    bench.run(
        """
        import builtins, first, second
        for _ in range(3):
            first.work(1), second.work(1)
            builtins.__meterize__.rearm()
        del second.FIRST
        try: second.work(1)
        except NameError: pass
        else: raise SystemExit("a statement was left out")
        """
    )


def test_where_a_debugger_looks_on_it_may_lead_the_frame_elsewhere(bench):
    """It can within the code that a jump leads to: the detour stays."""
    ran = bench.run(
        """
        import metered, sys
        first = metered.summed.__code__.co_firstlineno
        jumped = []
        def local(frame, event, argument):
            if event == "line" and frame.f_lineno == first + 3 and not jumped:
                jumped.append(frame.f_lineno)
                frame.f_lineno = first + 1
            return local
        def trace(frame, event, argument):
            return local if frame.f_code.co_name == "summed" else None
        sys.settrace(trace)
        assert metered.summed(range(4)) == 6
        sys.settrace(None)
        assert len(jumped) == 1
        assert metered.summed(range(4)) == 6
        """
    )
    assert ran.uses == {("2", None): 1}


@pytest.mark.parametrize(
    "extra", ["row[6] + 1", "row[6] - 256", "row[6] + 512", "0xFFFF00 | row[6] & 255", "-1", "row[6] | 255"]
)
def test_a_row_with_another_detour_is_not_armed(bench, extra):
    ran = bench.run(
        f"""
        import importlib.util, marshal
        code = marshal.loads(open(importlib.util.find_spec("metered").cached, "rb").read()[16:])
        def changed(table):
            row = table[4][1]
            return (*table[:4], (table[4][0], (*row[:6], {extra}), *table[4][2:]))
        def is_table(const):
            return isinstance(const, tuple) and const[:1] == ("meterize",)
        code = code.replace(co_consts=tuple(changed(const) if is_table(const) else const for const in code.co_consts))
        module = {{"__name__": "metered"}}
        exec(code, module)
        assert [module["summed"](range(4)) for _ in range(5)] == [6] * 5
        assert module["small"](1) == 6
        """
    )
    assert ran.uses == {("1", None): 1}
    assert ran.lost == ["not-in-place"]
