"""Hooks fired are instructions that ran: counted by the hooks, and by the interpreter's own eyes."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.instructions import decode
from meterize.cpython.pyc import compile_module
from meterize.cpython.versions import HAS_MONITORING
from meterize.model.feature import Policy
from meterize.rewriting import rewrite_module


def watched_by_tracing(paths, run):
    """How often each unit of the code objects with these paths was reported: ``f_trace_opcodes``."""
    seen: Counter = Counter()

    def tracer(frame, event, arg):
        path = paths.get(id(frame.f_code))
        if path is None:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            seen[path, frame.f_lasti] += 1
        return tracer

    # 3.12 looks whether anybody wants opcodes when tracing starts (Python/legacy_tracing.c, f_opcode_trace_set)
    sys._getframe().f_trace_opcodes = True
    sys.settrace(tracer)
    try:
        run()
    finally:
        sys.settrace(None)
    return seen


def watched_by_monitoring(paths, run):
    """The same by INSTRUCTION events."""
    monitoring, tool = sys.monitoring, 3
    seen: Counter = Counter()

    def on_instruction(inner, offset):
        if id(inner) in paths:
            seen[paths[id(inner)], offset] += 1

    monitoring.use_tool_id(tool, "oracle")
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, on_instruction)
    try:
        monitoring.set_events(tool, monitoring.events.INSTRUCTION)
        run()
    finally:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, None)
        monitoring.free_tool_id(tool)
    return seen


EYES = [watched_by_tracing, *([watched_by_monitoring] if HAS_MONITORING else [])]


@pytest.mark.parametrize("policy", [Policy.ONCE, Policy.EVERY])
@pytest.mark.parametrize("watched", EYES, ids=lambda eye: eye.__name__)
def test_hooks_fire_as_often_as_their_instructions_run(behaviour, snippet, policy, watched):
    if "RecursionError" in snippet:
        pytest.skip("how deep it goes depends on who looks")
    # Made anew each time: 3.13 keeps on a code object that somebody traced it, and does not trace it again like that.
    code = compile(snippet, "oracle.py", "exec", dont_inherit=True, optimize=0)
    paths = {id(inner): path for path, inner in walk(code)}
    truth = watched(paths, lambda: behaviour.behave(code, trace=False))
    instructions = {path: {one.offset: one for one in decode(inner)} for path, inner in walk(code)}
    requests = {one.id: one for one in behaviour.requests_everywhere(code, policy)}
    new, sites, _ = rewrite_module(code, behaviour.FILE, list(requests.values()), distribution="corpus", version="1")
    with behaviour.runtime_present() as runtime:
        behaviour.behave(new, trace=False)
        fired = runtime.fired()
    expected: Counter = Counter()
    for site in sites:
        one = instructions[site.path][requests[site.id].offset]
        ran = max(truth[site.path, one.start], truth[site.path, one.offset])
        expected[site.id] += min(ran, 1) if policy is Policy.ONCE else ran
    assert fired == {hook_id: count for hook_id, count in expected.items() if count}


@pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring came with 3.12")
def test_an_instruction_with_prefixes_is_reported_for_each_of_them_and_for_itself(behaviour):
    """What the hook table's offsets of monitored hooks rely on: they are the opcode's own."""
    code = compile_module(behaviour.extended_arguments(4).encode(), "oracle.py", 0)
    paths = {id(inner): path for path, inner in walk(code)}
    seen = watched_by_monitoring(paths, lambda: behaviour.behave(code, trace=False))
    prefixed = [(path, one) for path, inner in walk(code) for one in decode(inner) if one.start != one.offset]
    assert sum(seen[path, one.offset] for path, one in prefixed) > 40
    for path, one in prefixed:
        assert seen[path, one.start] == seen[path, one.offset], one
