"""Memory ends at every single allocation: the application sees its own MemoryError or none, and its results are right."""

from __future__ import annotations

import re
import sys
from collections import Counter

import pytest

_testcapi = pytest.importorskip("_testcapi", reason="this interpreter has no _testcapi, which makes allocations fail")

SOURCE = (
    """
    def nothing(x):
        if x:
            return None
        return False

    def makes(x):
        found = [x, str(x) * 50]
        for n in range(3):
            found.append(n * 10**9)
        return found

    def catches(x):
        try:
            return [bytes(1000 + n) for n in range(x)]
        except MemoryError:
            return "caught"
        finally:
            x = None

    def steps():
        n = None
        while True:
            yield n

    def late(x):
        if x:
            pass
    """
    + "        x = x\n" * 200
    + "        return x\n"
)
"""``nothing``, ``steps`` and ``late`` allocate nothing; ``late`` ends beyond the numbers that CPython keeps ready."""

STARVING = """
    import builtins, sys, _testcapi
    import metered
    sys.stdout.write("")
    door = getattr(builtins, "__meterize__", None)
    walking = metered.steps()
    calls = dict(nothing=lambda: metered.nothing(1), makes=lambda: metered.makes(5), catches=lambda: metered.catches(3),
                 steps=lambda: next(walking), late=lambda: metered.late(1))
    set_nomemory, remove_mem_hooks = _testcapi.set_nomemory, _testcapi.remove_mem_hooks
    NOTHING = object()
    def attempt(call, start, stop):
        result = error = NOTHING
        set_nomemory(start, stop)
        try: result = call()
        except BaseException as caught: error = caught
        remove_mem_hooks()
        return "MemoryError" if type(error) is MemoryError else repr(error) if result is NOTHING else result
    for call in calls.values():
        for _ in range(300): call()  # counts beyond the numbers that CPython keeps ready
    right = {name: call() for name, call in calls.items()}
    said = {}
    for name, call in calls.items():
        for lasting in (False, True):
            for start in range(80):
                if door: door.rearm()
                found = attempt(call, start, 0 if lasting else start + 1)
                word = "right" if found == right[name] else found
                said.setdefault(name, {}).setdefault(str(word), []).append((lasting, start))
                if name == "steps" and word != "right": walking = metered.steps(); next(walking)
    for name, words in said.items(): print(name, *sorted(words))
    print({name: call() == right[name] for name, call in calls.items()})
    if door:
        before = door.snapshot()
        door.rearm()
        walking = metered.steps()
        for call in calls.values(): call()
        print("counted", sum(door.snapshot().values()) - sum(before.values()))
    """


def test_while_hooked_code_runs(twins):
    """One allocation fails, or all from there on; after that, hooks count as before.

    On 3.12 and 3.13 CPython itself makes a number to tell a waiting hook that stands beyond byte 256 where it is: that
    allocation may fail in the application's face.
    """
    twins.write(SOURCE)
    bare, metered = twins.run_both(STARVING)
    assert (metered.returncode, metered.err) == (0, ""), metered.err
    told, _, counted = metered.out.partition("counted ")
    if twins.kind == "once" and (3, 12) <= sys.version_info < (3, 14):
        told = told.replace("late MemoryError right", "late right")
    assert told == bare.out
    assert "makes MemoryError right\n" in told
    assert "catches caught right\n" in told
    assert twins.is_missing or int(counted) > 10


IMPORTING = """
    import os, signal, sys, _testcapi
    from collections import Counter
    import contextlib, functools, importlib.util, marshal
    with contextlib.suppress(ImportError): {first}
    cached = importlib.util.find_spec("metered").cached
    code = marshal.loads(open(cached, "rb").read()[16:])
    def child(start):
        signal.alarm(20)
        result = "fine"
        _testcapi.set_nomemory(start, start + 1)
        try: {attempt}
        except MemoryError: result = "MemoryError"
        except BaseException as error:
            _testcapi.remove_mem_hooks()
            result = f"{{type(error).__name__}}: {{error}}"
        _testcapi.remove_mem_hooks()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set(), "signals are blocked"
        sys.modules.pop("metered", None)
        import metered
        assert metered.makes(1) == [1, "1" * 50, 0, 10**9, 2 * 10**9] and metered.late(3) == 3
        import builtins
        hooks = sys.modules.get("meterize_hooks")
        return result + (", counts" if hooks and sum(builtins.__meterize__.snapshot().values()) >= {least} else "")
    said = Counter()
    for start in range(0, {last}, {stride}):
        reading, writing = os.pipe()
        if os.fork() == 0:
            try: os.write(writing, child(start).encode())
            except BaseException as error: os.write(writing, ascii((start, type(error), error)).encode())
            os._exit(0)
        os.close(writing)
        word = os.read(reading, 10_000).decode()
        os.close(reading)
        _, status = os.wait()
        said[word if not status else f"ended by {{status}} at {{start}}"] += 1
    for word in sorted(said): print(word, said[word])
    """


OWN = re.compile(
    "fine|crashed|MemoryError|RuntimeError: can't allocate (read )?lock|RuntimeError: Error calling __set_name__ .*"
    "|SystemError: .* without setting an exception|SystemError: error return without exception set"
)
"""How an import of any module ends where memory does: the last three are a MemoryError that C code lost or wrapped."""


CRASHES = 10 if sys.version_info < (3, 14) else 0
"""CPython's own, up to 3.13, each seen in a stack that faulthandler wrote: 3.11's SHA-256 (Modules/sha256module.c,
newSHA256object), reading a module, 3.13.0 where a function of whatever module begins; and, for each hook,
``sys.monitoring.set_local_events`` at three allocations (Python/instrumentation.c).
"""


def starve(twins, first, attempt, last, stride, *, unmetered=0):
    """How many imports of the module ended in which way, each time with another allocation that fails.

    Imported again, it counts; but for so many where the runtime itself was left unmade.
    """
    twins.write(SOURCE)
    script = IMPORTING.format(first=first, attempt=attempt, last=last, stride=stride, least=3)
    twins.meter()
    ran = twins.run(script)
    assert (ran.returncode, ran.out.count("fine") > 0) == (0, True), ran.err
    words = Counter({word: int(count) for word, _, count in (line.rpartition(" ") for line in ran.out.splitlines())})
    silent = sum(count for word, count in words.items() if not word.endswith(", counts") and not word.startswith("ended by"))
    assert twins.is_missing or silent <= unmetered, ran.out
    found: Counter[str] = Counter()
    for word, count in words.items():
        found["crashed" if word.startswith("ended by") else word.removesuffix(", counts").replace(" at 0x…", "")] += count
    return found


def check_armed(found, stride, hooks):
    assert [word for word in found if not OWN.fullmatch(word)] == []
    assert found["crashed"] <= (CRASHES and CRASHES + 3 * hooks // stride)


def test_while_hooks_are_armed(twins):
    """At one allocation while the module's code runs. It fails as it would, or not; then it counts; no signal stays blocked.

    Were all to fail from there on, CPython itself would hang where an exception meets a handler beyond byte 512 of its function
    (Python/ceval.c, exception_unwind: it needs a number to say where), hooks or not.
    """
    check_armed(starve(twins, "import meterize_hooks", "exec(code, {})", 1000, 17), 17, twins.hooks)


@pytest.mark.slow
def test_at_each_allocation_while_hooks_are_armed(twins):
    check_armed(starve(twins, "import meterize_hooks", "exec(code, {})", 3000, 1), 1, twins.hooks)


@pytest.mark.slow
def test_while_the_runtime_itself_is_imported(twins):
    """CPython up to 3.13 may crash where memory ends while it finds and reads any module; nothing else happens."""
    found = starve(twins, "pass", "import metered", 13_000, 7, unmetered=5)
    assert [word for word in found if not OWN.fullmatch(word)] == []
    assert found["crashed"] <= found.total() // 50
