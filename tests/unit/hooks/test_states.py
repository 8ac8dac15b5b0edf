"""What `meterize hooks` says of processes that run is what they do."""

from __future__ import annotations

import subprocess
import time

import pytest

from meterize.spool import State, read_states

PROGRAM = """
import metered, sys, time
from meterize_hooks import subject
def say(): print("ready", flush=True); sys.stdin.readline()
say()
metered.work()
say()
for _ in range(4): metered.work()
say()
with subject("a"): pass
say()
with subject("a"): metered.work()
say()
"""


@pytest.fixture
def states(bench):
    """Runs the program under a policy; what is said of its hook each time it waits."""
    running = []

    def go(policy, program=PROGRAM):
        bench.meter("def work():\n    return 1  # hook\n", policy=policy)
        (bench.folder / "main.py").write_text(program)
        process = subprocess.Popen(
            bench.command(), env=bench.variables(), cwd=bench.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        found = []
        while process.stdout.readline():
            ((live,), problems) = read_states(bench.spool, time.time())
            assert problems == []
            assert live.header.pid == process.pid
            found += [(hook.state, hook.uses, hook.reason) for hook in live.hooks]
            process.stdin.write("\n")
            process.stdin.flush()
        process.wait(20)
        assert read_states(bench.spool, time.time()) == ([], [])
        return found

    yield go
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("every", [("counting", 0), ("counting", 1), ("counting", 5), ("counting", 5), ("counting", 6)]),
        ("once", [("armed", 0), ("removed", 1), ("removed", 1), ("removed", 1), ("removed", 1)]),
        ("first=6", [("armed", 0), ("armed", 1), ("armed", 5), ("armed", 5), ("removed", 6)]),
        ("once-per-subject", [("armed", 0), ("asleep", 1), ("asleep", 1), ("armed", 1), ("asleep", 2)]),
        ("once-per-window=999d", [("armed", 0), ("asleep", 1), ("asleep", 1), ("asleep", 1), ("asleep", 1)]),
    ],
)
def test_what_is_said_is_what_they_do(states, policy, expected):
    assert states(policy) == [(State(state), uses, "") for state, uses in expected]


def test_a_window_that_is_over(states):
    program = """
import metered, sys, time
def say(): print("ready", flush=True); sys.stdin.readline()
time.sleep(2 - time.time() % 2)
metered.work()
say()
time.sleep(2 - time.time() % 2 + 0.2)
say()
"""
    assert states("once-per-window=2s", program) == [(State.ASLEEP, 1, ""), (State.ARMED, 1, "")]


def test_a_hook_that_could_not_be_armed(states):
    program = """
import sys
once_more = getattr(sys, "monitoring", None)
for tool in range(6): once_more and once_more.use_tool_id(tool, "other")
import metered
print("ready", flush=True); sys.stdin.readline()
"""
    ((state, uses, reason),) = states("once", program)
    assert uses == 0
    assert (state, reason) in ((State.NOT_ARMED, "no-monitoring-tool"), (State.ARMED, ""))
