"""With the JIT (3.14, in builds that have it) hooks count as they do without."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.skipif(
    not (hasattr(sys, "_jit") and sys._jit.is_available()), reason="this interpreter was built without the JIT"
)

JIT = {"PYTHON_JIT": "1"}

SOURCE = """
    def arm(i):
        if i % 3:
            return 1
        return 2  # hook

    def work(n):
        total = 0
        for i in range(n):
            total += arm(i)  # hook
        return total
    """
ARM, WORK = "12"

COMPILED = """
def compiled(code):
    "How many executors stand in it."
    import _opcode
    found = 0
    for offset in range(0, len(code.co_code), 2):
        try:
            found += _opcode.get_executor(code, offset) is not None
        except ValueError:
            pass
    return found
"""


def uses(policy, every, once=1):
    """Uses by nobody in particular: of ``work`` three times as many as of the arm."""
    return {(ARM, None): every, (WORK, None): 3 * every} if policy == "every" else {(ARM, None): once, (WORK, None): once}


@pytest.fixture(params=["every", "once"])
def policy(request):
    return request.param


@pytest.fixture
def metered(bench, policy):
    bench.meter(SOURCE, policy=policy)
    (bench.folder / "compiled.py").write_text(COMPILED)
    return bench


def test_what_is_compiled_counts(metered, policy):
    ran = metered.run(
        """
        import metered
        from compiled import compiled
        for _ in range(4):
            assert metered.work(30_000) == 40_000
        assert compiled(metered.work.__code__)
        """,
        environment=JIT,
    )
    assert ran.uses == (
        {(ARM, None): 40_000, (WORK, None): 120_000} if policy == "every" else {(ARM, None): 1, (WORK, None): 1}
    )
    assert not ran.err


def test_threads_lose_no_use(metered, policy):
    ran = metered.run(
        """
        import metered, threading, sys
        from compiled import compiled
        sys.setswitchinterval(1e-6)
        threads = [threading.Thread(target=metered.work, args=(60_000,)) for _ in range(4)]
        [t.start() for t in threads]; [t.join() for t in threads]
        assert compiled(metered.work.__code__)
        """,
        environment=JIT,
    )
    assert ran.uses == (
        {(ARM, None): 80_000, (WORK, None): 240_000} if policy == "every" else {(ARM, None): 1, (WORK, None): 1}
    )


def test_a_hook_comes_back_into_compiled_code(metered, policy):
    """Also while that code runs."""
    ran = metered.run(
        """
        import builtins, metered
        from compiled import compiled
        metered.work(30_000)
        assert compiled(metered.work.__code__)
        builtins.__meterize__.rearm()
        metered.work(30_000)
        real = metered.arm
        def rearming(i):
            if i == 20_000: builtins.__meterize__.rearm()
            return real(i)
        metered.arm = rearming
        metered.work(30_000)
        """,
        environment=JIT,
    )
    assert ran.uses == uses(policy, 30_000, once=3)


def test_the_first_subject_comes_while_compiled_code_runs(metered, policy):
    ran = metered.run(
        """
        import metered
        from compiled import compiled
        from meterize_hooks import subject
        metered.work(30_000)
        assert compiled(metered.work.__code__)
        with subject("a"):
            metered.work(30_000)
        metered.work(3)
        """,
        environment=JIT,
    )
    more = {(ARM, "a"): 10_000, (WORK, "a"): 30_000} if policy == "every" else {}
    assert ran.uses == uses(policy, 10_001) | more
