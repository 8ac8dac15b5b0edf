"""What the interpreter itself can tell: its modes, crash dumps, allocations, subinterpreters, the JIT."""

from __future__ import annotations

import sys

import pytest

from meterize.cpython.versions import HAS_MONITORING

MAIN = "import metered\nfor _ in range(3): print(metered.main())\n"


MODES = [
    "-X dev -W error -bb -X tracemalloc=25 -X faulthandler",
    "-X importtime -X no_debug_ranges -v",
    "-I -X frozen_modules=off",
]


@pytest.mark.parametrize("options", [MODES[0], *(pytest.param(mode, marks=pytest.mark.slow) for mode in MODES[1:])])
def test_modes(twins, options):
    """What -v and importtime say names what is imported, and so is left out."""
    path = [str(twins.folder), *twins.variables()["PYTHONPATH"].split(":")]
    isolated = f"import sys; sys.path[:0] = {path!r}\n" + "sys.modules['meterize_hooks'] = None\n" * twins.is_missing
    bare, metered = twins.run_both(isolated * ("-I" in options) + MAIN, *options.split())
    assert (metered.returncode, metered.out) == (0, bare.out)
    assert "importtime" in options or metered.err == bare.err == ""
    assert twins.is_missing or metered.uses


def test_faulthandler_dumps_the_same_frames(twins):
    twins.compare(
        """
        import faulthandler, metered, sys
        class Dumper:
            def __rtruediv__(self, other):
                faulthandler.dump_traceback(sys.stdout.fileno(), all_threads=False)
                return 1
        for _ in range(2): metered.fail(Dumper())
        """
    )


def test_a_crash_in_hooked_code_leaves_the_same_dump(twins):
    """Of all threads."""
    ran = twins.compare(
        """
        import faulthandler, metered, time
        faulthandler.enable()
        class Crasher:
            def __rtruediv__(self, other):
                time.sleep(0.15)
                faulthandler._sigsegv()
        metered.fail(1)
        metered.fail(Crasher())
        """
    )
    assert "in fail" in ran.err


@pytest.mark.slow
def test_tracemalloc_finds_the_same_allocations(twins):
    """What the application allocates and keeps, by line. What differs is a few bytes: counts above 256 are numbers that the
    hooked line has made, and small objects come from the interpreter's own stock of used ones, or not.
    """
    bare, metered = twins.run_both(
        """
        import gc, metered, tracemalloc
        metered.main()
        gc.collect()
        tracemalloc.start(5)
        kept = [metered.Box(n) for n in range(4000)] + [metered.add(10**20, n) for n in range(300)]
        kept += [metered.adder(n) for n in range(1000)] + [list(metered.walk(20)) for _ in range(50)]
        snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, metered.__file__)])
        for one in sorted(snapshot.statistics("lineno"), key=lambda one: one.traceback[0].lineno):
            print(one.traceback[0].lineno, one.size, one.count)
        """
    )
    assert metered.returncode == bare.returncode == 0, metered.err
    found = [{int(line.split()[0]): [*map(int, line.split()[1:])] for line in ran.out.splitlines()} for ran in (bare, metered)]
    assert max(size for size, _ in found[0].values()) > 100_000
    for line in found[0].keys() | found[1].keys():
        (size, count), (other, others) = (one.get(line, [0, 0]) for one in found)
        assert abs(size - other) <= 512 + size // 50, (line, size, other)
        assert abs(count - others) <= 8 + count // 50, (line, count, others)


@pytest.mark.skipif(not HAS_MONITORING, reason="subinterpreters with a GIL of their own are of 3.12+")
def test_subinterpreters_with_a_lock_of_their_own(twins):
    """Each has a runtime of its own."""
    ran = twins.compare(
        """
        import sys, threading
        try: import _interpreters as interpreters
        except ImportError: import _xxsubinterpreters as interpreters
        code = f"import sys; sys.path[:] = {sys.path!r}; import metered; print(metered.main() == metered.main(), flush=True)"
        import metered
        print(metered.main())
        for _ in range(3):
            other = interpreters.create()
            def run(): print(interpreters.run_string(other, code))
            thread = threading.Thread(target=run)
            thread.start(); thread.join()
            interpreters.destroy(other)
        """
    )
    assert ran.out.count("True") == 3


@pytest.mark.skipif(sys.version_info < (3, 14), reason="concurrent.interpreters is of 3.14+")
def test_the_public_module_for_subinterpreters(twins):
    ran = twins.compare(
        """
        import metered
        from concurrent import interpreters
        from concurrent.futures import InterpreterPoolExecutor
        other = interpreters.create()
        print(other.call(metered.add, 1, 2), metered.add(3))
        other.close()
        with InterpreterPoolExecutor(2) as pool: print(list(pool.map(metered.classify, range(6))))
        """
    )
    assert ran.returncode == 0


@pytest.mark.skipif(not getattr(getattr(sys, "_jit", None), "is_available", bool)(), reason="built without the JIT")
@pytest.mark.slow
def test_with_the_jit(twins):
    """Counting there: tests/unit/hooks/test_jit.py."""
    twins.compare(
        """
        import metered
        for _ in range(300): said = metered.main()
        print(said, sum(len(metered.classify(n)) for n in range(20_000)), sum(metered.walk(300)))
        metered.fail(0)
        """,
        environment={"PYTHON_JIT": "1"},
    )
