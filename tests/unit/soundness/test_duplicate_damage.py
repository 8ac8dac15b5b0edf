"""Damage to code that has its hooks in a duplicate behind it (CPython 3.11): each kind is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.instructions import decode
from meterize.cpython.legality import first_index, hook_indices
from meterize.cpython.opcodes import NUMBERS
from meterize.cpython.sequences import call_once, count_every
from meterize.cpython.tables import decode_exceptions, encode_exceptions
from meterize.cpython.versions import HAS_MONITORING
from meterize.errors import UnsoundRewrite
from meterize.model.feature import Policy
from meterize.rewriting import duplication
from meterize.rewriting.splicing import Insertion, splice
from meterize.soundness import check_module
from meterize.soundness.comparison import check_code
from meterize.soundness.reading import Unsound

from .conftest import SOURCE, hooked

pytestmark = pytest.mark.skipif(HAS_MONITORING, reason="hooks that go away are in the code on 3.11 only")


@pytest.fixture(scope="module")
def modules():
    original, emitted = hooked(SOURCE, Policy.ONCE, every_nth=23)
    check_module(original, emitted)
    return original, emitted


@pytest.fixture(scope="module")
def codes(modules):
    return tuple(next(code for _, code in walk(module) if code.co_name == "f") for module in modules)


def refuse(original, damaged, match=None):
    with pytest.raises((Unsound, IndexError), match=match):
        check_code(original, damaged)


def refuse_each(codes, offsets, flips):
    """Each byte changed, where that reads as a change: caches read as zeros, specialised forms as what they are made of."""
    count = 0
    for at in offsets:
        for flip in flips:
            damaged = patched(codes[1], at, codes[1].co_code[at] ^ flip)
            if damaged.co_code != codes[1].co_code:
                refuse(codes[0], damaged)
                count += 1
    assert count > 100


def detours(codes):
    """Offset and size of each."""
    return list(check_code(*codes).detours.values())


def patched(code, offset, *changed):
    bytecode = bytearray(code.co_code)
    bytecode[offset : offset + len(changed)] = bytes(changed)
    return code.replace(co_code=bytes(bytecode))


def test_the_good_one_has_detours(codes):
    assert len(detours(codes)) >= 3
    assert codes[1].co_code[: len(codes[0].co_code)] != codes[0].co_code


def test_each_byte_of_the_code_as_compiled(codes):
    """Another opcode, another operand; of detours, too."""
    refuse_each(codes, range(len(codes[0].co_code)), (1, 2, 64))


def test_each_byte_of_the_originals_instructions_in_the_duplicate(codes):
    alignment = check_code(*codes)
    places = [alignment.new.instructions[index] for index in alignment.moved]
    refuse_each(codes, [at for one in places for at in range(one.start, one.end)], (1, 2))


def test_a_detour_that_leads_elsewhere(codes):
    alignment = check_code(*codes)
    (first, _), (second, _) = detours(codes)[:2]
    jumps = {one.start: one for one in alignment.new.instructions}
    here, there = jumps[first], jumps[second]
    farther = here.arg + (alignment.new.instructions[there.target].start - alignment.new.instructions[here.target].start) // 2
    assert farther < 256
    refuse(codes[0], patched(codes[1], first, NUMBERS["JUMP_FORWARD"], farther), "does not lead to the hook|values")


def test_a_hook_to_which_nothing_leads(codes):
    (offset, size), *_ = detours(codes)
    refuse(codes[0], patched(codes[1], offset, *codes[0].co_code[offset : offset + size]))


def test_handlers_and_positions_of_both(codes):
    table = list(decode_exceptions(codes[1]))
    alignment = check_code(*codes)
    starts = {alignment.new.instructions[index].start for index in alignment.moved}
    for index, entry in enumerate(table):
        if entry.start >= len(codes[0].co_code) and entry.start not in starts:
            continue  # a hook's own
        for changed in (
            entry._replace(target=table[index - 1].target if table[index - 1].target != entry.target else entry.start),
            entry._replace(depth=entry.depth + 1),
            entry._replace(lasti=not entry.lasti),
        ):
            rows = [*table[:index], changed, *table[index + 1 :]]
            refuse(codes[0], codes[1].replace(co_exceptiontable=encode_exceptions(rows)))
        refuse(codes[0], codes[1].replace(co_exceptiontable=encode_exceptions([*table[:index], *table[index + 1 :]])))
    for at in range(1, len(codes[1].co_linetable)):
        changed = bytearray(codes[1].co_linetable)
        changed[at] ^= 1
        damaged = codes[1].replace(co_linetable=bytes(changed))
        try:
            if list(damaged.co_positions()) == list(codes[1].co_positions()):
                continue
        except ValueError:
            pass
        refuse(codes[0], damaged)


@pytest.mark.parametrize("change", [1, -1, 256, -256])
def test_a_row_that_tells_of_another_detour(modules, change):
    def with_row(table):
        row = list(table[4][0])
        row[6] += change
        return (*table[:4], (tuple(row), *table[4][1:]))

    consts = tuple(with_row(c) if isinstance(c, tuple) and c[:1] == ("meterize",) else c for c in modules[1].co_consts)
    with pytest.raises(UnsoundRewrite, match="its detour is"):
        check_module(modules[0], modules[1].replace(co_consts=consts))


def test_a_hook_that_would_go_away_to_another_place(modules, codes):
    hook = check_code(*codes).hooks[0]
    offset = check_code(*codes).new.instructions[hook.start].offset
    damaged = patched(codes[1], offset + 1, codes[1].co_code[offset + 1] - 1)
    consts = tuple(damaged if const is codes[1] else const for const in modules[1].co_consts)
    assert damaged in consts
    with pytest.raises(UnsoundRewrite, match="would go away to another place"):
        check_module(modules[0], modules[1].replace(co_consts=consts))


def test_a_jump_that_has_become_longer_is_no_detour():
    """Hooks that stay stand in line; a jump over them, of two units now, may lead to behind where the code had its end."""
    source = "def f(a):\n    if a:\n        a = 1\n    else:\n" + "        a = a + a\n" * 45 + "    return a\n"
    code = next(code for _, code in walk(compile(source, "m.py", "exec")) if code.co_name == "f")
    before = decode(code)
    insertion = Insertion(index=len(before) - 6, steps=count_every("hook"))
    new = splice(code, before, [insertion]).code
    over = next(one for one in decode(new) if one.name == "JUMP_FORWARD")
    assert over.start != over.offset
    assert decode(new)[over.target].offset >= len(code.co_code)
    check_code(code, new)


@pytest.mark.parametrize("pair", [("STORE_FAST", "LOAD_FAST"), ("BINARY_OP", "STORE_FAST")])
def test_a_detour_where_none_may_be(monkeypatch, codes, pair):
    before = decode(codes[0])
    legal = set(hook_indices(before))
    at = next(i for i in range(1, len(before)) if (before[i - 1].name, before[i].name) == pair and i in legal)
    insertion = Insertion(index=at, steps=call_once("hook"))
    assert duplication.duplicate(codes[0], before, [insertion], codes[0].co_consts) is None
    monkeypatch.setattr(duplication, "RUN_AS_ONE", frozenset())
    emitted = duplication.duplicate(codes[0], before, [insertion], codes[0].co_consts)
    refuse(codes[0], emitted.code, "may be run with")


def test_a_far_detour_is_not_longer_than_what_it_stands_over(monkeypatch):
    """A frame might wait behind the first of its two units."""
    source = "def f(a):\n    a = a + a\n" + "    a = a + a\n" * 150
    code = next(code for _, code in walk(compile(source, "m.py", "exec")) if code.co_name == "f")
    before = decode(code)
    assert before[first_index(before)].units == 1
    insertion = Insertion(index=first_index(before), steps=call_once("hook"))
    assert duplication.duplicate(code, before, [insertion], code.co_consts) is None
    one_by_one = duplication._Rules.detour

    def over_two(rules, index, hook):
        rules._before = [*before[:index], replace(before[index], units=2), *before[index + 1 :]]
        return one_by_one(rules, index, hook)

    monkeypatch.setattr(duplication._Rules, "detour", over_two)
    emitted = duplication.duplicate(code, before, [insertion], code.co_consts)
    assert (emitted.detours[0].size, len(emitted.detours[0].jump)) == (4, 4)
    refuse(code, emitted.code)


def test_what_stands_behind_a_hook_is_what_is_put_back(monkeypatch, codes):
    """A jump over another hook is longer in the duplicate."""
    before = decode(codes[0])
    legal = hook_indices(before)
    loop = next(i for i in legal if before[i].name == "FOR_ITER")
    places = [
        Insertion(index=i, steps=call_once("hook")) for i in (loop, next(i for i in legal if before[i].name == "BINARY_OP"))
    ]
    assert duplication.duplicate(codes[0], before, places, codes[0].co_consts) is None
    monkeypatch.setattr(duplication, "_stands_again", lambda *_: True)
    emitted = duplication.duplicate(codes[0], before, places, codes[0].co_consts)
    refuse(codes[0], emitted.code, "not what stands behind")
