"""A hook before every legal instruction of every control-flow shape changes nothing that a program can see."""

from __future__ import annotations

import functools
import marshal
import sys

import pytest

from meterize.cpython.pyc import compile_module
from meterize.cpython.versions import HAS_MONITORING
from meterize.model.feature import Policy
from meterize.rewriting import probe_module, rewrite_module

POLICIES = [Policy.ONCE, Policy.EVERY]
MONITORED = ("LINE", "RAISE", "RERAISE", "EXCEPTION_HANDLED", "PY_START", "PY_RETURN", "PY_YIELD", "PY_UNWIND")
BRANCHES = (("BRANCH_LEFT", "BRANCH_RIGHT"), ("BRANCH",))  # from 3.14 on BRANCH is made of the two


def compiled(snippet):
    return compile_module(snippet.encode(), "snippet.py", 0)


@functools.cache
def _rewritten(behaviour, snippet, policy):
    """What a .pyc would hold."""
    code = compiled(snippet)
    requests = behaviour.requests_everywhere(code, policy)
    new, sites, missing = rewrite_module(code, behaviour.FILE, requests, distribution="corpus", version="1")
    assert {site.id for site in sites} == {request.id for request in requests}
    assert missing == ()
    return marshal.dumps(new)


def hooked(behaviour, snippet, policy):
    """Fresh code objects each time: a hook that retires in place writes into them."""
    return marshal.loads(_rewritten(behaviour, snippet, policy))


@pytest.mark.parametrize("policy", POLICIES)
def test_outcomes_tracebacks_and_line_events_are_the_same_with_the_runtime(behaviour, snippet, policy):
    code = compiled(snippet)
    expected = behaviour.behave(code)
    with behaviour.runtime_present() as runtime:
        seen = behaviour.behave(hooked(behaviour, snippet, policy))
        assert runtime.fired()
    assert seen.outcomes == expected.outcomes
    assert seen.events == expected.events


@pytest.mark.parametrize("policy", POLICIES)
def test_outcomes_tracebacks_and_line_events_are_the_same_without_the_runtime(behaviour, snippet, policy):
    code = compiled(snippet)
    expected = behaviour.behave(code)
    with behaviour.runtime_missing():
        seen = behaviour.behave(hooked(behaviour, snippet, policy))
    assert seen.outcomes == expected.outcomes
    assert seen.lines() == expected.lines()


@pytest.mark.parametrize("policy", POLICIES)
def test_outcomes_are_the_same_at_full_speed(behaviour, snippet, policy):
    """Without a tracer the interpreter specialises: other instructions run."""
    code = compiled(snippet)
    expected = behaviour.behave(code, runs=30, trace=False)
    with behaviour.runtime_present():
        seen = behaviour.behave(hooked(behaviour, snippet, policy), runs=30, trace=False)
    assert seen.outcomes == expected.outcomes


def test_probes_change_nothing(behaviour, snippet, monkeypatch):
    code = compiled(snippet)
    probed, probes = probe_module(code, behaviour.FILE, 7)
    expected = behaviour.behave(code)
    without = behaviour.behave(probed)
    monkeypatch.setattr("builtins.__meterize_probes__", bytearray(7 + len(probes)), raising=False)
    monkeypatch.setattr("builtins.__meterize_entries__", dict.fromkeys(range(7 + len(probes))), raising=False)
    seen = behaviour.behave(probed)
    assert without.outcomes == seen.outcomes == expected.outcomes
    assert without.lines() == expected.lines()
    assert seen.events == expected.events


@pytest.mark.skipif(not HAS_MONITORING, reason="sys.monitoring came with 3.12")
@pytest.mark.parametrize("policy", POLICIES)
def test_another_monitoring_tool_sees_the_same(behaviour, snippet, policy):
    code = compiled(snippet)
    names = (*MONITORED, *next(names for names in BRANCHES if hasattr(sys.monitoring.events, names[0])))
    expected = behaviour.behave_monitored(code, names)
    requests = behaviour.requests_everywhere(code, policy)
    dealt = behaviour.parts(requests)
    for part in dealt if len(dealt) < 6 else dealt[::7]:
        with behaviour.runtime_present():
            new, _, _ = rewrite_module(code, behaviour.FILE, part, distribution="corpus", version="1")
            assert behaviour.behave_monitored(new, names) == expected
