"""Another tool of ``sys.monitoring`` beside hooks that stay, or whose runtime is missing, sees what it would see.

Beside hooks of policy once: tests/unit/hooks/test_once.py.
"""

from __future__ import annotations

import pytest

from meterize.cpython.versions import HAS_MONITORING

pytestmark = pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring is of 3.12+")

WATCHING = """
    import sys, metered
    monitoring, events = sys.monitoring, sys.monitoring.events
    names = {names}
    seen, disabled = [], set()
    def watch(name):
        def callback(code, *rest):
            if code.co_filename == metered.__file__:
                rest = rest[:1] if name == "LINE" else [repr(one) for one in rest[1:] if not isinstance(one, int)]
                one = (name, code.co_name, *rest)
                if {disable} and name == "LINE" and one in disabled: return monitoring.DISABLE
                disabled.add(one)
                seen.append(one)
                if {disable}: return monitoring.DISABLE
        return callback
    monitoring.use_tool_id(2, "other")
    for name in names: monitoring.register_callback(2, getattr(events, name), watch(name))
    monitoring.set_events(2, sum(getattr(events, name) for name in names))
    for _ in range(3):
        print(metered.main())
        {between}
        {between!r} == "pass" or disabled.clear()
    monitoring.set_events(2, 0)
    print(len(seen))
    for one in seen: print(*one)
    """

LOCAL = ("PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "LINE", "CALL", "STOP_ITERATION")
GLOBAL = ("RAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "PY_THROW", "RERAISE")


@pytest.mark.parametrize("between", [pytest.param("pass", marks=pytest.mark.slow), "monitoring.restart_events()"])
@pytest.mark.parametrize("disable", [False, True])
def test_local_events(twins, disable, between):
    """Where a tool asks to be told of a place only once, a line on which a loop begins may be told twice: it has two places."""
    twins.compare(WATCHING.format(names=LOCAL, disable=disable, between=between))


def test_exceptions(twins):
    """But where the runtime is missing: a hook's own absence is an exception."""
    if twins.is_missing:
        pytest.skip("an exception that remains: docs/promises.md")
    twins.compare(WATCHING.format(names=GLOBAL, disable=False, between="pass"))


def test_branches_that_the_application_takes(twins):
    """As pairs of lines: which arms were taken, how often."""
    twins.compare(
        """
        import sys, metered
        monitoring, events = sys.monitoring, sys.monitoring.events
        seen = []
        def line_of(code, offset):
            return next(line for start, end, line in code.co_lines() if start <= offset < end)
        def branch(code, source, target):
            if code.co_filename == metered.__file__:
                seen.append((code.co_name, line_of(code, source), line_of(code, target)))
        monitoring.use_tool_id(2, "other")
        kinds = events.BRANCH if sys.version_info < (3, 14) else events.BRANCH_LEFT | events.BRANCH_RIGHT
        for kind in (events.BRANCH,) if sys.version_info < (3, 14) else (events.BRANCH_LEFT, events.BRANCH_RIGHT):
            monitoring.register_callback(2, kind, branch)
        monitoring.set_events(2, kinds)
        for _ in range(3): metered.main()
        monitoring.set_events(2, 0)
        print(len(seen), *seen, sep="\\n")
        """
    )


def test_all_tool_ids_are_taken(twins):
    """The application runs as ever; what could not be armed is told (tests/unit/hooks/test_once.py)."""
    ran = twins.compare(
        """
        import sys
        for tool in range(6): sys.monitoring.use_tool_id(tool, "other")
        import metered
        print(metered.main(), [sys.monitoring.get_tool(tool) for tool in range(6)])
        """,
        fires=twins.kind == "every",
    )
    assert ran.lost == (("no-monitoring-tool",) * twins.hooks if twins.kind == "once" else ())
