"""Probes: what is marked is what ran."""

from __future__ import annotations

import sys
import types

import pytest

from meterize.cpython.identity import kind, walk
from meterize.cpython.instructions import decode
from meterize.cpython.legality import hook_offsets
from meterize.cpython.pyc import compile_module
from meterize.model.code import offsets_of
from meterize.rewriting import probe_module

QUIET = """
def choose(a, b):
    x = a if b else -a; y = (a and b) or 7
    if a > 2: return x
    for i in range(b): x += i
    else: y += 1
    while x > 100: x -= 1
    with open("/dev/null") as handle:
        z = [n for n in range(a) if n % 2]
    return (x,
            y, z)

class C:
    def __init__(self): self.x = 1

    @property
    def value(self):
        def inner(): return self.x
        yield inner()
        yield from (2, 3)

def never():
    return 1

CASES = [lambda: choose(1, 2), lambda: choose(3, 0), lambda: list(C().value)]
"""


def probed(source, first=0):
    code = compile_module(source.encode(), "probed.py", 0)
    new, probes = probe_module(code, "pkg/probed.py", first)
    return code, new, probes


def reached(monkeypatch, behaviour, new, probes, first=0):
    marks = bytearray(first + len(probes))
    monkeypatch.setattr("builtins.__meterize_probes__", marks, raising=False)
    behaviour.behave(new, trace=False)
    found: dict = {}
    for mark, probe in zip(marks[first:], probes, strict=True):
        if mark:
            found[probe.code] = found.get(probe.code, 0) | probe.reach
    assert not any(marks[:first])
    return {code: set(offsets_of(mask)) for code, mask in found.items()}


def executed(behaviour, code):
    """The instructions that a tracer of opcodes saw, by name and first line."""
    starts = {}
    for _, inner in walk(code):
        for one in decode(inner):
            starts[id(inner), one.start] = starts[id(inner), one.offset] = one.offset
    seen: dict = {}

    def tracer(frame: types.FrameType, event: str, arg: object):
        if frame.f_code.co_filename != code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            key = (frame.f_code.co_qualname, frame.f_code.co_firstlineno)
            seen.setdefault(key, set()).add(starts[id(frame.f_code), frame.f_lasti])
        return tracer

    # 3.12 looks whether anybody wants opcodes when tracing starts (Python/legacy_tracing.c, f_opcode_trace_set)
    sys._getframe().f_trace_opcodes = True
    sys.settrace(tracer)
    try:
        behaviour.behave(code, trace=False)
    finally:
        sys.settrace(None)
    return seen


def legal(code):
    codes = [inner for _, inner in walk(code) if kind(inner) != "annotation"]
    return {(inner.co_qualname, inner.co_firstlineno): hook_offsets(inner) for inner in codes}


def test_marked_is_what_ran_where_nothing_is_raised(monkeypatch, behaviour):
    code, new, probes = probed(QUIET, first=3)
    marked = reached(monkeypatch, behaviour, new, probes, first=3)
    ran = executed(behaviour, code)
    places = legal(code)
    for probe in probes:
        key = (probe.code.qualname, probe.code.first_line)
        assert marked.get(probe.code, set()) & places[key] == ran.get(key, set()) & places[key], key
    assert "never" not in {one.qualname for one in marked}


def test_nothing_that_ran_is_missed(monkeypatch, behaviour, snippet):
    """Where exceptions fly, a stretch may be marked whole though it was left in the middle, as a line would be."""
    if "RecursionError" in snippet:
        pytest.skip("a tracer changes how deep it goes")
    code, new, probes = probed(snippet)
    marked = {(one.qualname, one.first_line): offsets for one, offsets in reached(monkeypatch, behaviour, new, probes).items()}
    places = legal(code)
    for key, offsets in executed(behaviour, code).items():
        assert offsets & places.get(key, set()) <= marked.get(key, set()), key


def test_probes_stand_at_legal_places_and_reach_themselves():
    code, _, probes = probed(QUIET)
    places = legal(code)
    for probe in probes:
        assert probe.offset in places[probe.code.qualname, probe.code.first_line]
        assert probe.offset in offsets_of(probe.reach)


def test_no_instruction_belongs_to_two_probes_of_one_code_object():
    _, _, probes = probed(QUIET)
    seen: dict = {}
    for probe in probes:
        if probe.code.qualname == "<lambda>":
            continue  # several on one line have one name
        assert not seen.get(probe.code, 0) & probe.reach
        seen[probe.code] = seen.get(probe.code, 0) | probe.reach


def test_both_arms_of_one_line_have_probes_of_their_own():
    code, _, probes = probed("def f(a):\n    return 'x' if a else 'y'\n")
    lines = {one.offset: one.position[0] for _, inner in walk(code) for one in decode(inner) if inner.co_name == "f"}
    assert len([probe for probe in probes if probe.code.qualname == "f" and lines[probe.offset] == 2]) >= 3


def test_numbers_follow_on(monkeypatch):
    _, new, probes = probed("x = 1\n", first=70_000)
    marks = bytearray(70_000 + len(probes))
    monkeypatch.setattr("builtins.__meterize_probes__", marks, raising=False)
    exec(new, {})
    assert [index for index, mark in enumerate(marks) if mark] == [70_000]


def test_each_beginning_of_a_function_is_asked_for(monkeypatch):
    """What the entries raise, if they have no room to, is dropped; a signal's exception is not."""
    source = "def f(n):\n    for _ in range(n): pass\n    return n\ndef g():\n    yield f(1)\n    yield f(2)\n"
    _, new, probes = probed(source)
    asked: list[int] = []

    class Entries(dict):
        def __missing__(self, number):
            asked.append(number)
            if len(asked) == 5:
                raise RecursionError

    monkeypatch.setattr("builtins.__meterize_probes__", bytearray(len(probes)), raising=False)
    monkeypatch.setattr("builtins.__meterize_entries__", Entries(), raising=False)
    monkeypatch.setattr("builtins.__meterize_guard__", (RecursionError,), raising=False)
    room: dict = {}
    exec(new, room)
    assert list(room["g"]()) == [1, 2]
    assert room["f"](3) == 3
    assert [probes[number].code.qualname for number in asked] == ["<module>", "g", "f", "f", "f"]

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Entries, "__missing__", lambda self, number: interrupted(number))
    with pytest.raises(KeyboardInterrupt):
        room["f"](3)


@pytest.mark.parametrize("marks", [bytearray(), None, memoryview(b"read only")], ids=["too small", "no marks", "read only"])
def test_marks_that_cannot_be_set_disturb_nobody(monkeypatch, behaviour, marks):
    code, new, _ = probed(QUIET)
    monkeypatch.setattr("builtins.__meterize_probes__", marks, raising=False)
    assert behaviour.behave(new).outcomes == behaviour.behave(code).outcomes
