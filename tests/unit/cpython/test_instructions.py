"""Instructions as the interpreter reads them, and jumps that grow."""

from __future__ import annotations

import dis
from dataclasses import replace

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.instructions import Instruction, assemble, decode, handler_entries
from meterize.cpython.opcodes import NUMBERS

SOURCE = """
def f(values, flag=False):
    total = 0
    for value in values:
        try:
            total += value if flag else -value
        except TypeError:
            continue
    return total
"""


def function():
    return next(code for _, code in walk(compile(SOURCE, "i.py", "exec")) if code.co_name == "f")


def test_the_same_instructions_as_dis():
    code = function()
    ours = [(one.offset, one.name, one.arg) for one in decode(code)]
    theirs = [(one.offset, one.opname, one.arg or 0) for one in dis.get_instructions(code) if one.opname != "EXTENDED_ARG"]
    assert ours == theirs


def test_jump_targets_are_those_of_dis():
    code = function()
    instructions = decode(code)
    ours = {one.offset: instructions[one.target].start for one in instructions if one.target is not None}
    theirs = {one.offset: one.argval for one in dis.get_instructions(code) if one.opcode in dis.hasjrel}
    assert ours == theirs


def test_handlers_are_those_of_the_table():
    code = function()
    instructions = decode(code)
    protected = {one.offset for one in instructions if one.handler}
    table = dis.Bytecode(code).exception_entries
    assert protected == {one.offset for one in instructions if any(e.start <= one.start < e.end for e in table)}
    assert {instructions[entry].start for entry in handler_entries(instructions)} == {e.target for e in table}


@pytest.mark.parametrize("padding", [0, 1, 100, 250, 255, 256, 300, 66000])
def test_jumps_over_inserted_code_get_the_prefixes_that_they_need(padding):
    code = function()
    instructions = decode(code)
    middle = next(index for index, one in enumerate(instructions) if one.name.startswith("BINARY_OP"))
    nops = [Instruction(opcode=NUMBERS["NOP"], arg=0, position=instructions[middle].position, run=-1)] * padding

    def moved(index):
        return index + padding if index >= middle else index

    def relocate(one):
        handler = one.handler and replace(one.handler, target=moved(one.handler.target))
        return replace(one, target=None if one.target is None else moved(one.target), handler=handler)

    old = [relocate(one) for one in instructions]
    nops = [replace(nop, handler=old[middle].handler) for nop in nops]
    new = assemble(code, old[:middle] + nops + old[middle:])
    namespace: dict = {}
    exec(SOURCE, namespace)
    namespace["f"].__code__ = new
    assert namespace["f"]([1, 2, "x", 3], True) == 6
    assert namespace["f"]([1, 2, "x", 3]) == -6
    assert len(decode(new)) == len(instructions) + padding


def test_needless_prefixes_stay():
    code = function()
    instructions = decode(code)
    wide = [replace(one, units=one.units + 1) if one.name == "LOAD_FAST" else one for one in instructions]
    new = assemble(code, wide)
    prefixed = [one for one in decode(new) if one.start != one.offset]
    assert prefixed
    assert {one.name for one in prefixed} == {"LOAD_FAST"}
    assert assemble(new, decode(new)).co_code == new.co_code
