"""The rules of where a hook may stand: each row, in code that a compiler makes, and that each row is needed."""

from __future__ import annotations

import builtins
import textwrap
from itertools import pairwise

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.instructions import decode
from meterize.cpython.legality import NEVER_BEFORE, NEVER_SPLIT, first_index, hook_indices, hook_offsets
from meterize.cpython.opcodes import NUMBERS
from meterize.cpython.sequences import DOOR, count_every, slot_name
from meterize.rewriting.splicing import Insertion, splice

SOURCE = textwrap.dedent("""
    def loops(values):
        for value in values:
            print(value, end="")
        return sorted(values, key=lambda v: -v)

    def handlers(value):
        try:
            return 1 / value
        except ZeroDivisionError as error:
            return error
        finally:
            print("done")

    def delegating(values):
        result = yield from values
        return result

    def inlined(values):
        kept = 1
        return [kept for kept in values if kept], kept

    async def asynchronous(source, manager):
        async with manager as entered:
            async for item in source:
                await item
        return [x async for x in source]

    def closure(value):
        def inner():
            return value
        yield inner
""")


def functions():
    for _, code in walk(compile(SOURCE, "rules.py", "exec")):
        yield code, decode(code)


def name(rule):
    return f"{rule.first or 'anything'}-{rule.second or 'anything'}"


@pytest.mark.parametrize("rule", [*NEVER_BEFORE, *NEVER_SPLIT], ids=name)
def test_a_row_is_held_where_the_compiler_makes_such_code(rule):
    opcodes = {one for one in (rule.first, rule.second) if one}
    if not opcodes <= NUMBERS.keys():
        pytest.skip(f"this interpreter lacks {', '.join(sorted(opcodes - NUMBERS.keys()))}")
    met = 0
    for code, instructions in functions():
        legal = set(hook_indices(instructions))
        for index in range(1, len(instructions)):
            before, here = instructions[index - 1].name, instructions[index].name
            if rule.first in {None, before} and rule.second in {None, here}:
                met += 1
                assert index not in legal, (code.co_name, index)
    # On 3.11 and 3.12 no END_FOR is followed by a POP_TOP in these functions, if END_FOR exists at all.
    assert met or (rule.first == "END_FOR" and not any_pair("END_FOR", "POP_TOP"))


def any_pair(first, second):
    return any(
        (one.name, other.name) == (first, second) for _, instructions in functions() for one, other in pairwise(instructions)
    )


@pytest.mark.parametrize("rule", [*NEVER_BEFORE, *NEVER_SPLIT], ids=name)
def test_a_row_says_why_and_where_in_cpython(rule):
    assert rule.because
    assert rule.source.startswith(("Python/", "Objects/", "Include/"))


def test_nothing_is_legal_before_the_frame_has_started():
    for code, instructions in functions():
        first = first_index(instructions)
        assert instructions[first - 1].name == "RESUME"
        assert all(index >= first for index in hook_indices(instructions)), code
        # and the very next instruction is the first legal one in all of these
        assert hook_indices(instructions)[0] == first, code


def test_the_compilers_own_clean_up_is_left_alone():
    """Handlers that do not begin with PUSH_EXC_INFO, whole."""
    seen = set()
    for _, instructions in functions():
        legal = set(hook_indices(instructions))
        for entry in {one.handler.target for one in instructions if one.handler}:
            head = instructions[entry].name
            if head != "PUSH_EXC_INFO":
                seen.add(head)
                assert entry not in legal
                if head == "COPY":
                    assert [one.name for one in instructions[entry : entry + 3]] == ["COPY", "POP_EXCEPT", "RERAISE"]
                    assert not legal & {entry, entry + 1, entry + 2}
    assert "COPY" in seen
    assert "END_ASYNC_FOR" in seen


def test_behind_the_end_of_an_async_for_stands_the_users_code():
    code = next(code for code, _ in functions() if code.co_name == "asynchronous")
    instructions = decode(code)
    after = [index + 1 for index, one in enumerate(instructions) if one.name == "END_ASYNC_FOR"]
    assert set(after) & set(hook_indices(instructions))


def test_unreachable_code_has_no_place():
    code = compile("def f():\n  while True:\n    pass\n", "endless.py", "exec").co_consts[0]
    assert hook_offsets(code)
    instructions = decode(code)
    assert all(instructions[index].name not in {"RETURN_VALUE", "RETURN_CONST"} for index in hook_indices(instructions))


def test_offsets_are_those_of_opcodes_behind_their_prefixes():
    source = "def f():\n" + "".join(f"  x{n} = {n + 1000}\n" for n in range(300)) + "  return x299\n"
    code = compile(source, "wide.py", "exec").co_consts[0]
    extended = [one for one in decode(code) if one.start != one.offset]
    assert extended
    assert {one.offset for one in extended} <= hook_offsets(code)
    assert not {one.start for one in extended} & hook_offsets(code)


def test_a_hook_before_push_exc_info_would_never_fire(monkeypatch):
    namespace: dict = {}
    exec("def f():\n  try:\n    raise ValueError\n  except ValueError:\n    return 'caught'\n", namespace)
    code = namespace["f"].__code__
    instructions = decode(code)
    index = next(index for index, one in enumerate(instructions) if one.name == "PUSH_EXC_INFO")
    door = type("Door", (), {"counts": [0, 0]})()
    for key, value in {DOOR: door, slot_name("before"): 0, slot_name("behind"): 1}.items():
        monkeypatch.setattr(builtins, key, value, raising=False)
    insertions = [
        # The state before PUSH_EXC_INFO is not one that stack.py reckons with, but nothing gets there.
        Insertion(index=index, steps=count_every("before")),
        Insertion(index=index + 1, steps=count_every("behind")),
    ]
    namespace["f"].__code__ = splice(code, instructions, insertions).code
    assert namespace["f"]() == "caught"
    assert door.counts == [0, 1]
