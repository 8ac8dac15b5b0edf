"""Hooks that stay: no use is lost or counted twice, whoever interrupts."""

from __future__ import annotations

import pytest

SOURCE = """
    def work(n):
        for i in range(n):
            i += 1  # hook

    def small():
        return 1  # hook

    def deep(n):
        try:
            return deep(n + 1)
        except RecursionError:
            return n  # hook

    def steps():
        while True:
            yield 1  # hook
    """
WORK, SMALL, DEEP, STEPS = "1234"


@pytest.fixture
def every(bench):
    bench.meter(SOURCE, policy="every")
    return bench


@pytest.mark.parametrize("many", [False, True])
def test_threads_lose_no_use(every, many):
    """The inline sequence has no place where the interpreter changes threads: 8 threads, switched as often as it can."""
    ran = every.run(
        f"""
        import metered, threading, sys
        from meterize_hooks import subject
        if {many}:
            with subject("nobody"): pass
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=metered.work, args=(100_000,)) for _ in range(8)]
        [t.start() for t in threads]; [t.join() for t in threads]
        """
    )
    assert ran.uses == {(WORK, None): 800_000}


def test_threads_of_one_subject_share_its_row(every):
    ran = every.run(
        """
        import metered, threading, sys
        from meterize_hooks import subject
        sys.setswitchinterval(1e-6)
        def go(name):
            with subject(name): metered.work(50_000)
        threads = [threading.Thread(target=go, args=(name,)) for name in "aabbccab"]
        [t.start() for t in threads]; [t.join() for t in threads]
        """
    )
    assert ran.uses == {(WORK, "a"): 150_000, (WORK, "b"): 150_000, (WORK, "c"): 100_000}


def test_the_first_subject_comes_while_others_count(every):
    """The door changes under running code; not one count goes to a row that nobody reads."""
    ran = every.run(
        """
        import metered, threading, sys, time
        from meterize_hooks import subject
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=metered.work, args=(200_000,)) for _ in range(4)]
        [t.start() for t in threads]
        time.sleep(0.01)
        with subject("a"): metered.work(1000)
        [t.join() for t in threads]
        """
    )
    assert ran.uses == {(WORK, None): 800_000, (WORK, "a"): 1000}


def test_the_default_subject_and_the_named_one_are_one(every):
    ran = every.run(
        """
        import metered
        from meterize_hooks import subject, current_subject
        metered.small()
        for name in ("tenant", None, ""):
            with subject(name): metered.small(); print(current_subject())
        with subject("other"):
            with subject(None): metered.small()
        """,
        environment={"METERIZE_SUBJECT": "tenant"},
    )
    assert ran.out == "tenant\n" * 3
    assert ran.uses == {(SMALL, "tenant"): 5}


def test_hooks_armed_later_get_slots_of_their_own(every):
    every.meter("def late():\n    return 1  # hook\n", policy="every", name="later")
    text = (every.folder / "later.py").read_text()
    ran = every.run(
        """
        import metered
        from meterize_hooks import subject
        with subject("a"):
            metered.small()
            import later
            later.late()
        later.late()
        import importlib
        importlib.reload(later).late()
        """
    )
    assert text
    # Both modules number their hooks from 1: the same id is the same hook, and counts in the same slot.
    assert ran.uses == {(SMALL, "a"): 1, ("1", "a"): 1, ("1", None): 2}


def test_signals_interrupt_and_nothing_is_lost(every):
    """A handler's exception arrives in the application. What was counted by then is what the loop had reached."""
    ran = every.run(
        """
        import metered, signal, builtins
        class Stop(Exception): pass
        def handler(*_): raise Stop
        signal.signal(signal.SIGALRM, handler)
        door, before = builtins.__meterize__, 0
        def run():
            done = 0
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                while True:
                    metered.small()
                    done += 1
            except Stop:
                return done
        for n in range(100):
            done = run()
            now = door.snapshot()["dist/feat/2"]
            assert now - before - done in (0, 1), (now, before, done)
            before = now
        """
    )
    assert not ran.err


def test_recursion_reaches_as_deep(every):
    ran = every.run(
        """
        import metered
        bare = {}
        exec(compile(open(metered.__file__).read(), metered.__file__, "exec"), bare)
        for _ in range(3):
            theirs, ours = bare["deep"](0), metered.deep(0)
            assert theirs == ours, (theirs, ours)
        """
    )
    assert ran.uses == {(DEEP, None): 3}


def test_rehomed_functions_run(every):
    ran = every.run(
        """
        import metered, types
        for home in ({}, {"__builtins__": {}}, {"__builtins__": None}):
            print(types.FunctionType(metered.small.__code__, home)())
        """
    )
    assert ran.out == "1\n" * 3
    assert ran.uses == {(SMALL, None): 1}


def test_generators_count_for_whoever_runs_them(every):
    ran = every.run(
        """
        import metered
        from meterize_hooks import subject
        steps = metered.steps()
        for name in "aab":
            with subject(name): next(steps)
        next(steps)
        """
    )
    assert ran.uses == {(STEPS, "a"): 2, (STEPS, "b"): 1, (STEPS, None): 1}


@pytest.mark.parametrize(
    "damage", ["del builtins.__meterize__", "builtins.__meterize__ = None", "del builtins.__meterize_guard__"]
)
def test_the_application_runs_on_whatever_happens_to_the_names(every, damage):
    ran = every.run(f"import metered, builtins; {damage}; print(metered.small())")
    assert (ran.out, ran.err) == ("1\n", "")


def test_counts_go_on_beyond_what_a_machine_word_holds(every):
    ran = every.run(
        """
        import metered, builtins
        row = builtins.__meterize__.counts
        row[builtins.__dict__[next(name for name in vars(builtins) if name.startswith("__meterize_slot_"))]] = 1 << 62
        metered.work(1)
        """
    )
    assert ran.uses == {(WORK, None): (1 << 62) + 1}
