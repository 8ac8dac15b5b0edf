"""Code with hooks that go away in place: as compiled, with detours to a duplicate behind it (CPython 3.11)."""

from __future__ import annotations

import dis
import os
import random
from pathlib import Path
from types import CodeType

import pytest

from meterize.cpython.identity import is_function, walk
from meterize.cpython.instructions import decode
from meterize.cpython.legality import first_index, hook_indices
from meterize.cpython.sequences import call_once
from meterize.cpython.versions import HAS_MONITORING
from meterize.rewriting.duplication import duplicate
from meterize.rewriting.splicing import Insertion
from meterize.soundness.comparison import check_code

pytestmark = pytest.mark.skipif(HAS_MONITORING, reason="hooks that go away are in the code on 3.11 only")

SOURCE = """
def f(values, found=()):
    total = 0
    most = 5
    for value in values:
        if value > most and value:
            total += value
        else:
            total = total or value
    while total:
        total -= 1
    return [total, found]
"""
LONG = "def f(a, b):\n    {}\n" + "    a = a + b * a - b\n" * 40 + "    return a\n"


def function(source=SOURCE) -> CodeType:
    return next(code for _, code in walk(compile(source, "m.py", "exec")) if code.co_name == "f")


def index_of(code, name, nth=0):
    return [index for index, one in enumerate(decode(code)) if one.name == name and index in hook_indices(decode(code))][nth]


def hooked(code, *places, passed_once=False):
    before = decode(code)
    insertions = [
        Insertion(index=index, steps=call_once(f"hook-{number}"), passed_once=passed_once)
        for number, index in enumerate(places)
    ]
    return duplicate(code, before, insertions, code.co_consts)


def restored(found):
    """The bytes when all hooks have gone."""
    bytecode = bytearray(found.code.co_code)
    for detour, insertion in zip(found.detours, found.starts, strict=True):
        behind = found.after[insertion + len(call_once(""))].start
        bytecode[detour.offset : detour.offset + detour.size] = bytecode[behind : behind + detour.size]
    return bytes(bytecode)


def test_what_goes_away_leaves_what_the_compiler_wrote():
    code = function()
    found = hooked(code, first_index(decode(code)), index_of(code, "LOAD_FAST", 3))
    assert restored(found)[: len(code.co_code)] == code.co_code
    assert list(found.code.co_positions())[: len(code.co_code) // 2] == list(code.co_positions())
    assert found.code.co_code != restored(found)
    check_code(code, found.code)


def test_the_duplicate_is_left_where_it_jumps_backward():
    code = function()
    found = hooked(code, first_index(decode(code)))
    again = [one for one in dis.get_instructions(found.code) if one.offset >= len(code.co_code)]
    back = [one for one in again if "BACKWARD" in one.opname]
    assert len(back) >= 2
    assert all(one.argval < len(code.co_code) for one in back)
    assert all(one.argval >= len(code.co_code) for one in again if one.opcode in dis.hasjrel and one not in back)


def test_waiting_for_another_generator_stays_in_the_duplicate():
    code = function("async def f(x):\n    return await x\n")
    found = hooked(code, first_index(decode(code)))
    (back,) = (
        one
        for one in dis.get_instructions(found.code)
        if one.opname.endswith("NO_INTERRUPT") and one.offset >= len(code.co_code)
    )
    assert back.argval >= len(code.co_code)
    check_code(code, found.code)


@pytest.mark.parametrize(
    ("first", "size"),
    [
        ("len(b)", 12),  # LOAD_GLOBAL with its caches
        ("a = b", None),  # one unit: a frame that a tracer looks at may wait behind it
        ("a = []", None),
    ],
)
def test_a_far_detour_stands_over_one_instruction(first, size):
    code = function(LONG.format(first))
    found = hooked(code, first_index(decode(code)))
    assert (found and found.detours[0].size) == size
    if found:
        assert len(found.detours[0].jump) == 4
        assert restored(found)[: len(code.co_code)] == code.co_code
        check_code(code, found.code)


def test_where_there_is_no_room_for_a_detour():
    code = function()
    before = decode(code)
    entry = first_index(before)
    # Two hooks at one place; a jump to a loop's head that shall not pass its hook.
    assert hooked(code, entry, entry) is None
    head = next(one.target for one in before if one.name == "JUMP_BACKWARD")
    assert hooked(code, head, passed_once=True) is None
    # What the instruction in front may be run with, and no other; what is longer in the duplicate, for the hooks in it.
    for pair in (("STORE_FAST", "LOAD_FAST"), ("COMPARE_OP", "POP_JUMP_FORWARD_IF_FALSE"), ("BINARY_OP", "STORE_FAST")):
        at = next(i for i in range(entry + 1, len(before)) if (before[i - 1].name, before[i].name) == pair)
        assert hooked(code, at) is None, pair
    apart = next(
        i for i in range(entry + 1, len(before)) if (before[i - 1].name, before[i].name) == ("STORE_FAST", "LOAD_CONST")
    )
    assert hooked(code, apart) is not None
    inside = index_of(code, "BINARY_OP")
    assert hooked(code, index_of(code, "FOR_ITER"), inside) is None
    assert hooked(code, index_of(code, "FOR_ITER")) is not None


def test_everywhere_in_the_standard_library():
    """Each function with up to three hooks somewhere, or one at its entry: what is emitted is sound."""
    chosen, made, refused = random.Random(7), 0, 0
    folder = Path(os.__file__).parent
    for name in ("ast", "dataclasses", "asyncio/tasks", "contextlib", "typing", "json/decoder", "subprocess", "traceback"):
        module = compile((folder / f"{name}.py").read_bytes(), name, "exec")
        for _, code in walk(module):
            if not is_function(code):
                continue
            before = decode(code)
            legal = hook_indices(before)
            for places in ([first_index(before)], chosen.sample(legal, min(len(legal), chosen.randint(1, 3)))):
                if not set(places) <= set(legal):
                    continue
                found = hooked(code, *places)
                made, refused = made + (found is not None), refused + (found is None)
                if found:
                    check_code(code, found.code)
                    assert restored(found)[: len(code.co_code)] == code.co_code
    assert made > 3 * refused > 0
