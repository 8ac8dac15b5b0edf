"""Observers of other makers (dependency group ``observers``), attached from outside or running the application in their way."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import time
from importlib.util import find_spec
from pathlib import Path

import pytest


def needs(*modules: str) -> pytest.MarkDecorator:
    """Skips where one of the modules is not installed."""
    absent = [name for name in modules if find_spec(name) is None]
    return pytest.mark.skipif(bool(absent), reason=f"not installed: {', '.join(absent)} (dependency group observers)")


PY_SPY = Path(sysconfig.get_path("scripts")) / "py-spy"

WAITS = """
    import metered, os, sys, time
    class Waiter:
        def __init__(self, seconds): self.seconds = seconds
        def __rtruediv__(self, other):
            print("ready", flush=True)
            time.sleep(self.seconds)
            return 1
    metered.main()
    metered.fail(Waiter(0))
    metered.fail(Waiter(30))
    """


def _dump(twins, *options: str) -> list[dict[str, object]]:
    """py-spy's view of the main thread, deep in a hooked function."""
    process = subprocess.Popen(twins.command(WAITS), env=twins.variables(), cwd=twins.folder, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
        time.sleep(0.1)
        done = subprocess.run(
            [PY_SPY, "dump", "--json", "--pid", str(process.pid), *options], capture_output=True, text=True, check=False
        )
        if "ermission" in done.stderr:
            pytest.skip("py-spy may not look into processes here (ptrace)")
        assert done.returncode == 0, done.stderr
        return next(thread["frames"] for thread in json.loads(done.stdout) if thread["os_thread_id"] == process.pid)
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not PY_SPY.exists(), reason="not installed: py-spy (dependency group observers)")
def test_py_spy_sees_the_same_frames_and_locals(twins):
    twins.strip()
    bare = _dump(twins, "--locals")
    twins.meter()
    metered = _dump(twins, "--locals")
    strip = [
        [{key: frame[key] for key in ("name", "short_filename", "line")} for frame in frames] for frames in (bare, metered)
    ]
    assert [frame["name"] for frame in strip[0]][1:] == ["fail", "<module>"]
    assert strip[0] == strip[1]
    names = [[[local["name"] for local in frame["locals"] or ()] for frame in frames] for frames in (bare, metered)]
    assert names[0] == names[1]


@needs("memray")
def test_memray_attributes_memory_to_the_same_lines(twins):
    script = """
        import memray, metered, sys
        with memray.Tracker("found.bin"):
            kept = [metered.add(1 << 8_000_000, 1) for _ in range(3)]
            print(len(kept), metered.main())
        import os
        for one in sorted(memray.FileReader("found.bin").get_high_watermark_allocation_records(merge_threads=True),
                          key=lambda one: -one.size):
            if one.size > 500_000: print(one.size, one.n_allocations, one.stack_trace(max_stacks=2))
        os.unlink("found.bin")
        """
    ran = twins.compare(script)
    assert "metered.py" in ran.out


@needs("gevent")
def test_gevent(twins):
    ran = twins.compare(
        """
        from gevent import monkey; monkey.patch_all()
        import gevent, gevent.pool, metered, time
        def job(n):
            found = []
            for value in metered.walk(3):
                gevent.sleep(0.001 * (n % 3))
                found.append((value, metered.classify(n + value)))
            return found
        pool = gevent.pool.Pool(10)
        print(pool.map(job, range(30)), metered.main())
        """
    )
    assert not ran.err


@needs("greenlet")
def test_greenlets_switch_inside_hooked_code(twins):
    twins.compare(
        """
        import greenlet, metered
        main = greenlet.getcurrent()
        class Switch:
            def __rtruediv__(self, other): return main.switch("inside")
        class Fails:
            def __rtruediv__(self, other): raise main.switch("failing")
        for _ in range(2):
            many = [greenlet.greenlet(metered.fail) for _ in range(5)]
            print([one.switch(Switch()) for one in many])
            print([one.switch(n) for n, one in enumerate(many)], [one.dead for one in many])
            one = greenlet.greenlet(metered.fail)
            print(one.switch(Fails()))
            try: one.switch(ZeroDivisionError("mine"))
            except ValueError as error: print(error, repr(error.__cause__))
            one = greenlet.greenlet(metered.fail)
            one.switch(Switch())
            try: one.throw(KeyError("thrown"))
            except KeyError as error: print(repr(error))
            del one, many
        """
    )


@needs("uvloop")
def test_uvloop(twins):
    twins.compare(
        """
        import asyncio, metered, uvloop
        async def job(n):
            found = []
            async for tick in metered.ticks(n):
                await asyncio.sleep(0)
                found.append(metered.classify(tick))
            return found
        async def main():
            tasks = [asyncio.create_task(job(n)) for n in range(20)]
            tasks[7].cancel()
            found = await asyncio.gather(*tasks, return_exceptions=True)
            return found, await asyncio.to_thread(metered.main)
        print(uvloop.run(main()))
        """
    )


@needs("cloudpickle")
def test_cloudpickle_by_value(twins):
    """Code that travels runs where it arrives, with the runtime or without; and it weighs no name of ours."""
    twins.compare(
        """
        import cloudpickle, metered, pickle, subprocess, sys
        cloudpickle.register_pickle_by_value(metered)
        metered.classify(3)
        many = [metered.classify, metered.add, metered.walk, metered.adder(2), metered.Box, metered.double]
        text = cloudpickle.dumps(many)
        run = "import pickle, sys; a, b, c, d, e, f = pickle.load(open('text', 'rb'));" \
              "print([a(n) for n in range(9)], b(1, 2), list(c(3)), d(), e(3).volume, f(3), sorted(a.__globals__))"
        open("text", "wb").write(text)
        for options in ([], ["-S"]):
            print(subprocess.run([sys.executable, *options, "-c", "import sys; sys.path += " + repr(sys.path) + ";" + run],
                                 capture_output=True, text=True))
        exec(run)
        print(metered.main())
        """
    )


NUMBA = """
    import numba

    @numba.njit
    def total(n):
        found = 0
        for i in range(n):
            if i % 3:
                found += i
        return found

    def main():
        return total(10)
    """


@needs("numba")
def test_numba_compiles_what_carries_no_inline_hook(twins):
    """Why such functions are left out (tests/unit/pipeline/test_readers.py): compiled by numba they never reach a hook of
    policy once, and one of policy every (on 3.11, either) is code that numba does not understand.
    """
    twins.write(NUMBA)
    bare, metered = twins.run_both("import metered; print(metered.main())", environment={"NUMBA_CACHE_DIR": str(twins.folder)})
    assert bare.told == (0, "27\n", "")
    if twins.policy.value == "once" and sys.version_info >= (3, 12):
        assert metered.told == bare.told
    else:
        assert metered.returncode == 1
        assert "numba" in metered.err
