"""The tables beside the bytecode, against the interpreter's own reading of them."""

from __future__ import annotations

import dis

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.tables import (
    NO_POSITION,
    Protection,
    Run,
    decode_exceptions,
    decode_positions,
    encode_exceptions,
    encode_positions,
)

SOURCE = """
def f(a):
    with a as b, b as c:
        try:
            return (a.first
                     .second(b,
                             c))
        except (KeyError,
                ValueError) as error:
            raise RuntimeError from error
    return [x for x in a]
"""


def codes():
    return [code for _, code in walk(compile(SOURCE, "tables.py", "exec"))]


def test_positions_agree_with_co_positions():
    for code in codes():
        expanded = [run.position for run in decode_positions(code) for _ in range(run.units)]
        assert expanded == list(code.co_positions())


def test_exceptions_agree_with_dis():
    for code in codes():
        theirs = [(e.start, e.end, e.target, e.depth, e.lasti) for e in dis.Bytecode(code).exception_entries]
        assert [tuple(entry) for entry in decode_exceptions(code)] == theirs


@pytest.mark.parametrize(
    "position",
    [
        NO_POSITION,
        (10, 10, None, None),
        (10, 12, None, None),
        (10, 10, 0, 0),
        (10, 10, 79, 94),
        (10, 10, 80, 81),
        (10, 10, 3, 19),
        (11, 11, 127, 127),
        (12, 12, 5, 128),
        (13, 13, 0, 1),
        (9, 9, 4, 5),
        (10, 10, 9, 3),
        (1, 5000, 70000, 3),
    ],
    ids=str,
)
@pytest.mark.parametrize("units", [1, 8, 9, 16, 30])
def test_any_position_survives(position, units):
    code = compile("pass", "p.py", "exec")
    table = encode_positions([Run(units, position), Run(3, (10, 10, 1, 2))], 10)
    made = (
        code.replace(
            co_linetable=table,
            co_firstlineno=10,
            co_code=code.co_code + bytes((dis.opmap["NOP"], 0)) * (units + 3 - len(code.co_code) // 2),
        )
        if units + 3 > len(code.co_code) // 2
        else code.replace(co_linetable=table, co_firstlineno=10)
    )
    assert list(made.co_positions())[: units + 3] == [position] * units + [(10, 10, 1, 2)] * 3
    assert list(decode_positions(made)) == [Run(units, position), Run(3, (10, 10, 1, 2))]


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [Protection(0, 2, 4, 0, False)],
        [Protection(2, 126, 128, 1, True), Protection(126, 130, 70000, 63, False), Protection(200000, 300000, 8, 500, True)],
    ],
)
def test_any_exception_table_survives(entries):
    code = compile("pass", "p.py", "exec").replace(co_exceptiontable=encode_exceptions(entries))
    assert list(decode_exceptions(code)) == entries
    assert [(e.start, e.end, e.target, e.depth, e.lasti) for e in dis._parse_exception_table(code)] == [
        tuple(e) for e in entries
    ]


def test_only_the_first_byte_of_an_entry_has_the_high_bit():
    table = encode_exceptions([Protection(70000, 80000, 90000, 40, True)])
    assert [bool(byte & 128) for byte in table] == [True] + [False] * (len(table) - 1)
