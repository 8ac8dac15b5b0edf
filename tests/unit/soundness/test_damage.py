"""The check that stands between a defect of ours and somebody's files: each kind of damage to a good rewrite is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.instructions import Handler, assemble, decode
from meterize.cpython.opcodes import EXTENDED_ARG, NUMBERS
from meterize.cpython.pyc import dump_pyc
from meterize.cpython.sequences import NEXT, Step, count_every
from meterize.cpython.tables import decode_exceptions, encode_exceptions
from meterize.errors import InternalError, UnsoundRewrite
from meterize.rewriting.splicing import Insertion, splice
from meterize.soundness import check_module, check_pyc
from meterize.soundness.comparison import check_code
from meterize.soundness.reading import Unsound, read

LOAD_LOCAL = next(name for name in ("LOAD_FAST_BORROW", "LOAD_FAST") if name in NUMBERS)
BACK = "JUMP_BACKWARD"


def refuse(codes, damaged, match=""):
    with pytest.raises(Unsound, match=match or "."):
        check_code(codes[0], damaged)


def edited(codes, change):
    """The good result with its instructions changed and put together again, jumps and tables and all."""
    instructions = decode(codes[1])
    change(instructions)
    return assemble(codes[1], instructions)


def original_indices(codes):
    return check_code(*codes).moved


def named(codes, name, *, ours=False, nth=0):
    """The index of an instruction of the original, or of a hook."""
    moved = set(original_indices(codes))
    rows = enumerate(decode(codes[1]))
    return [index for index, one in rows if one.name == name and (index not in moved) == ours][nth]


def test_the_good_rewrite_is_good(codes, modules):
    alignment = check_code(*codes)
    assert len(alignment.hooks) > 5
    check_module(*modules)
    check_pyc(modules[0], dump_pyc(modules[1], b""))


# Instructions.


@pytest.mark.parametrize(
    ("name", "ours", "changes", "match"),
    [
        ("STORE_SUBSCR", True, {"opcode": NUMBERS["POP_TOP"]}, "one way leads here|room for"),
        ("PUSH_EXC_INFO", True, {"opcode": NUMBERS["PUSH_NULL"]}, "no saved exception"),
        ("COPY", True, {"opcode": NUMBERS["POP_EXCEPT"], "arg": 0}, "no saved exception"),
        ("SWAP", True, {"opcode": NUMBERS["STORE_FAST"], "arg": 0}, ""),
        ("LOAD_CONST", True, {"arg": 90}, "no constant 90"),
        ("LOAD_GLOBAL", True, {"arg": 600}, "no name"),
        ("NOP", True, {"position": (1, 1, 1, 1)}, "its position is"),
        ("NOP", True, {"position": (None, None, None, None)}, "its position is"),
        ("FOR_ITER", False, {"position": (1, 1, 1, 1)}, "its position was"),
        ("FOR_ITER", False, {"position": (None, None, None, None)}, "its position was"),
        (LOAD_LOCAL, False, {"arg": 2}, "its operand was 0 and is 2"),
        (LOAD_LOCAL, False, {"arg": 90}, "no variable 90"),
        ("STORE_FAST", False, {"opcode": NUMBERS["POP_TOP"], "arg": 0}, "POP_TOP at .*: in place of STORE_FAST"),
        ("BINARY_OP", False, {"arg": 1}, "its operand was"),
        ("BINARY_OP", False, {"handler": None}, "its handler was"),
        ("RETURN_VALUE", False, {"opcode": NUMBERS["CACHE"]}, "not known"),
    ],
)
def test_an_instruction_that_was_changed(codes, name, ours, changes, match):
    def change(instructions):
        index = named(codes, name, ours=ours)
        instructions[index] = replace(instructions[index], **changes)

    refuse(codes, edited(codes, change), match)


def test_each_jump_one_instruction_farther_or_nearer(codes):
    count = 0
    for index, one in enumerate(decode(codes[1])):
        for step in (-1, 1):
            if one.target is None or not 0 <= one.target + step < len(decode(codes[1])):
                continue

            def change(instructions, index=index, one=one, step=step):
                instructions[index] = replace(one, target=one.target + step)

            refuse(codes, edited(codes, change))
            count += 1
    assert count > 30


def test_each_jump_one_unit_farther_or_nearer(codes):
    """Into caches, between a prefix and its opcode, or to a neighbour."""
    for one in decode(codes[1]):
        for step in (-1, 1):
            if one.target is not None and 0 <= one.arg + step < 256:
                bytecode = bytearray(codes[1].co_code)
                bytecode[one.offset + 1] = (one.arg + step) & 255
                refuse(codes, codes[1].replace(co_code=bytes(bytecode)))


def test_each_instruction_dropped_twice_or_exchanged(codes):
    """Of the original: whatever jumps and tables are made to fit."""
    moved = original_indices(codes)
    targets = {one.target for one in decode(codes[1])} | {one.handler.target for one in decode(codes[1]) if one.handler}
    for index in moved[3:]:
        one = decode(codes[1])[index]
        if index in targets or one.name == "NOP":
            continue

        def shifted(instructions, by, index=index):
            for at, other in enumerate(instructions):
                target, handler = other.target, other.handler
                if target is not None and target > index:
                    target += by
                if handler is not None and handler.target > index:
                    handler = replace(handler, target=handler.target + by)
                instructions[at] = replace(other, target=target, handler=handler)

        def drop(instructions, index=index):
            shifted(instructions, -1)
            del instructions[index]

        def double(instructions, index=index):
            shifted(instructions, 1)
            instructions.insert(index, instructions[index])

        for change in (drop, double):
            try:
                damaged = edited(codes, change)
            except (IndexError, ValueError):
                continue
            refuse(codes, damaged)


def test_each_operand_and_opcode_of_the_original_instructions(codes):
    for index in original_indices(codes):
        one = decode(codes[1])[index]
        for at in range(one.start, one.offset + 2, 2):
            for new in ((at + 1, 1), (at + 1, 255), (at, NUMBERS["NOP"] - codes[1].co_code[at])):
                bytecode = bytearray(codes[1].co_code)
                # No other opcodes: CPython itself crashes on a code object that pretends to be instrumented.
                bytecode[new[0]] = (bytecode[new[0]] + new[1]) & 255
                if bytecode != codes[1].co_code:
                    refuse(codes, codes[1].replace(co_code=bytes(bytecode)))


def test_code_that_ends_in_a_prefix(codes):
    # Not in caches that are cut short: CPython itself writes over what lies behind such a code object.
    last = decode(codes[1])[-1]
    bytecode = codes[1].co_code[: last.offset] + bytes((EXTENDED_ARG, 0))
    assert len(bytecode) == len(codes[1].co_code)
    refuse(codes, codes[1].replace(co_code=bytecode), "no opcode follows")


# Tables.


def test_each_byte_of_the_table_of_positions(codes):
    table = codes[1].co_linetable
    for at in range(len(table)):
        for step in (1, 255, 128):
            damaged = bytearray(table)
            damaged[at] = (damaged[at] + step) & 255
            code = codes[1].replace(co_linetable=bytes(damaged))
            try:
                check_code(codes[0], code)
            except Unsound:
                continue
            # A distance of 0 can be written as -0.
            assert list(code.co_positions()) == list(codes[1].co_positions())


def test_positions_that_end_early_or_late(codes):
    table = codes[1].co_linetable
    refuse(codes, codes[1].replace(co_linetable=table[:-1]), "cannot be read|covers")
    refuse(codes, codes[1].replace(co_linetable=table + b"\xf8"), "covers")
    refuse(codes, codes[1].replace(co_linetable=b""), "covers 0")
    refuse(codes, codes[1].replace(co_linetable=table[1:]), "cannot be read")


def test_each_byte_of_the_exception_table(codes):
    table = codes[1].co_exceptiontable
    for at in range(len(table)):
        for step in (1, 128):
            damaged = bytearray(table)
            damaged[at] = (damaged[at] + step) & 255
            refuse(codes, codes[1].replace(co_exceptiontable=bytes(damaged)))


def rows(codes, change):
    entries = list(decode_exceptions(codes[1]))
    change(entries)
    return codes[1].replace(co_exceptiontable=encode_exceptions(entries))


def first(entries, **changes):
    entries[0] = entries[0]._replace(**changes)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            lambda entries: first(entries, end=entries[1].start + 2),
            "overlaps|no instruction starts|its handler|leads elsewhere",
        ),
        (lambda entries: first(entries, end=entries[0].start), "out of order"),
        (lambda entries: entries.reverse(), "out of order"),
        (lambda entries: first(entries, end=10_000), "no instruction starts|overlaps"),
        (lambda entries: first(entries, target=10_000), "no instruction starts"),
        (lambda entries: first(entries, depth=entries[0].depth + 1), ""),
        (lambda entries: first(entries, depth=9), ""),
        (lambda entries: first(entries, lasti=not entries[0].lasti), ""),
        (lambda entries: entries.pop(), "its handler|no instruction|reached"),
        (lambda entries: entries.pop(0), ""),
    ],
)
def test_an_exception_table_that_was_changed(codes, change, match):
    refuse(codes, rows(codes, change), match)


def test_an_exception_table_that_is_cut_short(codes):
    refuse(codes, codes[1].replace(co_exceptiontable=codes[1].co_exceptiontable[:-1]), "cut short")


def test_a_handler_of_a_hook_that_swallows_what_is_the_applications(codes):
    """The nesting: what a hook does not handle goes where the instruction behind it sends its exceptions."""

    def change(instructions):
        index = named(codes, "NOP", ours=True)
        far = named(codes, "PUSH_EXC_INFO", nth=-1)
        wrong = Handler(target=far, depth=0, lasti=True, entry=-99)
        instructions[index] = replace(instructions[index], handler=wrong)

    refuse(codes, edited(codes, change))


# What else a code object has.


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"co_stacksize": 3}, "less room"),
        ({"co_flags": 0}, "co_flags"),
        ({"co_argcount": 1}, "co_argcount"),
        ({"co_qualname": "h"}, "co_qualname"),
        ({"co_filename": "other.py"}, "co_filename"),
        ({"co_firstlineno": 7}, "co_firstlineno"),
        ({"co_varnames": ("w", "unused", "total", "value")}, "co_varnames"),
    ],
)
def test_a_field_that_was_changed(codes, changes, match):
    refuse(codes, codes[1].replace(**changes), match)


def test_a_stack_without_room_for_a_hook(codes):
    room = codes[1].co_stacksize
    deepest = next(size for size in range(room, 0, -1) if not _fits(codes, size))
    refuse((codes[0].replace(co_stacksize=1), codes[1]), codes[1].replace(co_stacksize=deepest), f"room for {deepest}")


def _fits(codes, size):
    try:
        check_code(codes[0].replace(co_stacksize=1), codes[1].replace(co_stacksize=size))
    except Unsound:
        return False
    return True


def test_names_that_were_reordered(codes):
    names = codes[1].co_names
    refuse(codes, codes[1].replace(co_names=(names[1], names[0], *names[2:])), "names were changed")


@pytest.mark.parametrize(("before", "after"), [(-0.0, 0.0), ("Text.", "text"), (("sep",), ("end",)), (1, True), (1, 1.0)])
def test_constants_that_were_changed(before, after):
    function = compile("lambda a: a", "x.py", "eval").co_consts[0]
    padded = function.replace(co_consts=(*function.co_consts, before))
    check_code(padded, padded)
    with pytest.raises(Unsound, match="constants were changed"):
        check_code(padded, padded.replace(co_consts=(*function.co_consts, after)))


def test_a_docstring_out_of_nowhere(codes):
    bare = compile("def f(a): return a", "x.py", "exec").co_consts[0].replace(co_consts=())
    with pytest.raises(Unsound, match="docstring"):
        check_code(bare, bare.replace(co_consts=("ours",)))


# Hooks.


def placed(codes, index, steps):
    return splice(codes[0], decode(codes[0]), [Insertion(index=index, steps=steps)]).code


@pytest.mark.parametrize("name", ["RESUME", "PUSH_EXC_INFO", "END_FOR", "NOT_TAKEN", "POP_ITER"])
def test_a_hook_where_none_may_stand(codes, name):
    found = [index for index, one in enumerate(decode(codes[0])) if one.name == name]
    if not found:
        pytest.skip("this interpreter has none")
    refuse(
        codes, placed(codes, found[0], count_every("x")), "no hook may stand|leads to|handler|follows|has not started|elsewhere"
    )


def test_a_hook_before_the_frame_has_started(codes):
    start = next(index for index, one in enumerate(decode(codes[0])) if one.name == "RESUME")
    refuse(codes, placed(codes, start, count_every("x")))


def test_a_hook_that_is_more_than_a_hook(codes):
    """It stores what it finds in a variable of the application's."""
    at = named((codes[0], codes[0]), "STORE_FAST")
    steps = (*count_every("x")[:-3], Step(opcode="LOAD_CONST", arg=0), Step(opcode="STORE_FAST", arg=0), *count_every("x")[-3:])
    with pytest.raises((Unsound, InternalError)):
        check_code(codes[0], placed(codes, at, steps))


def test_a_jump_of_a_hook_to_somewhere_else(codes):
    def change(instructions):
        index = named(codes, "JUMP_FORWARD", ours=True)
        instructions[index] = replace(instructions[index], target=named(codes, "RETURN_VALUE"))

    refuse(codes, edited(codes, change))


def test_a_sequence_that_leaves_something_behind(codes):
    leaking = (Step(opcode="NOP"), Step(opcode="PUSH_NULL"), Step(opcode="NOP", jump=NEXT))
    with pytest.raises(InternalError, match="two stack depths"):
        placed(codes, named((codes[0], codes[0]), "STORE_FAST", nth=1), leaking)


# Modules.


def with_table(module, change):
    consts = [change(const) if isinstance(const, tuple) and const[:1] == ("meterize",) else const for const in module.co_consts]
    return module.replace(co_consts=tuple(consts))


def with_row(**changes):
    order = {"mechanism": 3, "path": 4, "offset": 5, "extra": 6}

    def change(table):
        row = list(table[4][0])
        for field, value in changes.items():
            row[order[field]] = value(row[order[field]]) if callable(value) else value
        return (*table[:4], (tuple(row), *table[4][1:]))

    return change


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda table: (*table[:4], table[4][1:]), "without a row"),
        (with_row(offset=lambda offset: offset + 2), "hook-"),
        (with_row(offset=lambda offset: offset + 1), "no instruction"),
        (with_row(extra=lambda extra: extra + 1), "its detour is"),
        (with_row(mechanism="monitoring"), "would be watched"),
    ],
)
def test_a_hook_table_that_tells_something_else(modules, change, match):
    with pytest.raises(UnsoundRewrite, match=match) as caught:
        check_module(modules[0], with_table(modules[1], change))
    assert (caught.value.slug, caught.value.exit_code) == ("rewrite-unsound", 70)


def test_nested_code_is_looked_at_and_named(modules):
    (index, function) = next((n, c) for n, c in enumerate(modules[1].co_consts) if getattr(c, "co_name", "") == "g")
    damaged = function.replace(co_code=bytes((*function.co_code[:-4], *function.co_code[-2:], *function.co_code[-2:])))
    consts = (*modules[1].co_consts[:index], damaged, *modules[1].co_consts[index + 1 :])
    with pytest.raises(UnsoundRewrite, match="rewritten code of g would not be sound") as caught:
        check_module(modules[0], modules[1].replace(co_consts=consts))
    assert caught.value.details == ("damage.py:14",)


def test_bytes_that_are_no_module(modules):
    with pytest.raises(UnsoundRewrite, match="could not be imported"):
        check_pyc(modules[0], dump_pyc(modules[1], b"")[:-5])


def test_reading_agrees_with_the_other_reader(modules):
    for module in modules:
        for _, code in walk(module):
            other = decode(code)
            assert [
                (one.opcode, one.arg, one.start, one.offset, one.target, one.position) for one in read(code).instructions
            ] == [(one.opcode, one.arg, one.start, one.offset, one.target, one.position) for one in other]
