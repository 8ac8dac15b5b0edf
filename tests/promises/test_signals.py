"""Ctrl-C and raising signal handlers strike anywhere in hooked code: each arrives, once, and what was counted stays right."""

from __future__ import annotations

import pytest

from meterize.cpython.versions import HAS_MONITORING

FUNCTIONS = 40

SOURCE = "\n".join(
    [
        *(f"def f{n}(x):\n    if x:\n        return {n}\n    return -1\n" for n in range(FUNCTIONS)),
        "def gen(n):\n    while n:\n        n -= 1\n        yield n\n",
        f"FUNCTIONS = [{', '.join(f'f{n}' for n in range(FUNCTIONS))}]\n",
    ]
)
PASSED_IN_A_CALL = 2
"""Blocks of a function that a call passes."""

STRIKING = """
    import builtins, random, signal, time
    import metered
    {setup}
    class Stop(BaseException): pass
    calls = 0
    def handler(*_):
        global calls
        calls += 1
        {raising}
    signal.signal(signal.SIGALRM, handler)
    door = getattr(builtins, "__meterize__", None)
    uses = lambda: sum(door.snapshot().values()) if door else 0
    random.seed(1)
    def run(called, end):
        "Until a signal strikes. A function of its own: 3.14 has a loop's jump back outside the try around the loop."
        global passed
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, {longest}))
        while True:
            for function in metered.FUNCTIONS:
                function(1)
                passed += 1
            if calls > called: return "swallowed"
            if time.monotonic() > end: return "lost"
    found = dict.fromkeys({found}, 0)
    for n in range({tries}):
        if door: door.rearm()
        before, passed = uses(), 0
        try:
            found[run(calls, time.monotonic() + 5)] += 1
        except {error_type} as error:
            found["arrived"] += 1
            assert error.__context__ is None and error.__cause__ is None, error.__context__
        counted = uses() - before - {counted}
        if door and not 0 <= counted <= {per_call}: found["wrongly counted"] += 1
    print(found)
    """

SUBJECT = """import sys
    if hooks := sys.modules.get("meterize_hooks"): hooks.subject("a").__enter__()
"""
FOUND = ("arrived", "swallowed", "lost", "wrongly counted")
HANDLERS = {
    "KeyboardInterrupt": "signal.default_int_handler(*_)",
    "Stop": "raise Stop",
    "RuntimeError": "raise RuntimeError('by a handler')",
    "ValueError": "raise ValueError('by a handler')",
    "MemoryError": "raise MemoryError('by a handler')",
    "TypeError": "raise TypeError('by a handler')",
}


def strike(twins, error, tries, setup=""):
    """Let a handler strike so many times; if one is swallowed, or missing, or the counts are wrong, it is said."""
    if error in ("MemoryError", "TypeError") and twins.kind.startswith("once") and not HAS_MONITORING:
        pytest.skip("an exception that remains: docs/promises.md")
    twins.write(SOURCE)
    calls = f"min(passed, {FUNCTIONS})" if twins.kind == "once" else "passed"
    script = STRIKING.format(
        raising=HANDLERS[error],
        error_type=error,
        tries=tries,
        longest=0.0003 if twins.kind == "once" else 0.0001,
        counted=f"{PASSED_IN_A_CALL} * {calls}",
        per_call=PASSED_IN_A_CALL,
        setup=setup,
        found=FOUND,
    )
    ran = twins.compare(script)
    assert ran.told == (0, f"{dict(zip(FOUND, (tries, 0, 0, 0), strict=True))}\n", "")


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "RuntimeError"])
def test_every_strike_arrives(twins, error):
    strike(twins, error, 150)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("error", HANDLERS)
def test_ten_thousand_strikes_arrive(twins, error):
    strike(twins, error, 10_000)


def test_where_subjects_are_named(twins):
    strike(twins, "Stop", 150, "" if twins.is_missing else SUBJECT)
