"""The check that stands between a defect of ours and somebody's files: each kind of damage is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meterize.cpython.instructions import assemble, decode
from meterize.cpython.interpretation import Unsound, interpret
from meterize.cpython.legality import hook_indices
from meterize.cpython.opcodes import NUMBERS
from meterize.cpython.sequences import NEXT, Step, count_every
from meterize.errors import InternalError
from meterize.rewriting.soundness import check
from meterize.rewriting.splicing import Insertion, Spliced, splice

LOAD_LOCAL = next(name for name in ("LOAD_FAST_BORROW", "LOAD_FAST") if name in NUMBERS)

SOURCE = """
def f(values):
    for value in values:
        try:
            print(1 / value)
        except ZeroDivisionError:
            continue
    return values
"""


@pytest.fixture
def original():
    namespace: dict = {}
    exec(SOURCE, namespace)
    return namespace["f"].__code__


@pytest.fixture
def good(original):
    before = decode(original)
    spliced = splice(original, before, [Insertion(index=hook_indices(before)[5], steps=count_every("x"))])
    check(original, spliced)
    return spliced


def tampered(good, change):
    """The good result with its instructions changed and put together again."""
    instructions = list(good.after)
    change(instructions)
    code = assemble(good.code, instructions)
    return Spliced(code=code, before=good.before, after=decode(code), starts=good.starts, moved=good.moved)


def named(instructions, name, nth=0):
    return [index for index, one in enumerate(instructions) if one.name == name][nth]


def refuse(original, spliced, match):
    with pytest.raises(InternalError, match=match) as caught:
        check(original, spliced)
    assert "f would not be sound" in caught.value.message
    assert caught.value.slug == "internal"


def swap(name, nth=0, **changes):
    def change(instructions):
        index = named(instructions, name, nth)
        instructions[index] = replace(instructions[index], **changes)

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (swap("STORE_SUBSCR", opcode=NUMBERS["POP_TOP"]), "one way leads here|room for"),
        (swap("PUSH_EXC_INFO", opcode=NUMBERS["PUSH_NULL"]), "no saved exception"),
        (swap("COPY", opcode=NUMBERS["POP_EXCEPT"], arg=0), "no saved exception"),
        (swap("LOAD_CONST", arg=90), "no constant 90"),
        (swap("LOAD_GLOBAL", arg=600), "no name"),
        (swap("FOR_ITER", position=(1, 1, 1, 1)), "moved in the source"),
        (swap(LOAD_LOCAL, arg=1), "another operand"),
        (swap("STORE_FAST", opcode=NUMBERS["POP_TOP"], arg=0), "became POP_TOP"),
        (swap("BINARY_OP", nth=-1, handler=None), "another handler"),
    ],
)
def test_damage_to_an_instruction(original, good, change, match):
    refuse(original, tampered(good, change), match)


def test_a_jump_that_leads_elsewhere(original, good):
    def change(instructions):
        index = named(instructions, "FOR_ITER")
        target = instructions[index].target
        instructions[index] = replace(instructions[index], target=target + 1)

    with pytest.raises(InternalError):
        check(original, tampered(good, change))


def test_a_stack_that_is_too_small(original, good):
    code = good.code.replace(co_stacksize=2)
    refuse(original, replace(good, code=code), "room for 2")


def test_names_that_were_reordered(original, good):
    names = good.code.co_names
    refuse(original, replace(good, code=good.code.replace(co_names=(names[1], names[0], *names[2:]))), "names were changed")


def test_constants_that_were_changed(original, good):
    consts = list(good.code.co_consts)
    at = consts.index(1)
    consts[at] = 1.0
    refuse(original, replace(good, code=good.code.replace(co_consts=tuple(consts))), "constants were changed")


def test_a_handler_at_another_depth(original, good):
    def change(instructions):
        for index, one in enumerate(instructions):
            if one.handler and one.handler.depth == 1 and not one.handler.lasti:
                instructions[index] = replace(one, handler=replace(one.handler, depth=0))

    with pytest.raises(InternalError):
        check(original, tampered(good, change))


def test_a_sequence_that_leaves_something_behind(original):
    before = decode(original)
    leaking = (Step(opcode="NOP"), Step(opcode="PUSH_NULL"), Step(opcode="NOP", jump=NEXT))
    with pytest.raises(InternalError, match="two stack depths"):
        splice(original, before, [Insertion(index=hook_indices(before)[5], steps=leaking)])


def test_unreachable_code_is_no_place(original):
    before = decode(original)
    dead = [replace(one, target=None) for one in before]
    end = len(dead) - 1
    with pytest.raises(InternalError):
        splice(original, [*before, replace(before[end], handler=None)], [Insertion(index=len(before), steps=count_every("x"))])


class TestTheAbstractInterpreter:
    """Code that no compiler writes."""

    @staticmethod
    def made(*names, stack=10):
        code = compile("pass", "x.py", "exec")
        template = decode(code)[0]
        rows = []
        for one in names:
            name, arg = one if isinstance(one, tuple) else (one, 0)
            rows.append(replace(template, opcode=NUMBERS[name], arg=arg, units=0, handler=None, target=None))
        return decode(assemble(code, rows)), stack

    def refused(self, *names, match, stack=10):
        instructions, room = self.made(*names, stack=stack)
        with pytest.raises(Unsound, match=match):
            interpret(instructions, room)

    def test_taking_from_an_empty_stack(self):
        self.refused("RESUME", "POP_TOP", match="1 values are needed and 0 are there")

    def test_looking_too_deep(self):
        self.refused("RESUME", ("LOAD_CONST", 0), ("COPY", 2), match="2 values are needed")

    def test_falling_off_the_end(self):
        self.refused("RESUME", ("LOAD_CONST", 0), match="falls off the end")

    def test_too_many_values(self):
        self.refused("RESUME", ("LOAD_CONST", 0), ("LOAD_CONST", 0), "RETURN_VALUE", match="room for 1", stack=1)

    def test_restoring_what_was_not_saved(self):
        self.refused("RESUME", ("LOAD_CONST", 0), "POP_EXCEPT", match="no saved exception")

    def test_raising_again_without_the_offset(self):
        self.refused("RESUME", ("LOAD_CONST", 0), ("LOAD_CONST", 0), ("RERAISE", 1), match="the offset to restore")

    def test_an_unknown_opcode(self):
        self.refused("CACHE", match="not known")
