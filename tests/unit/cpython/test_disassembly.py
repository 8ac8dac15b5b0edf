"""Bytecode as text."""

from __future__ import annotations

from meterize.cpython.disassembly import disassemble
from meterize.cpython.instructions import decode


def test_a_line_an_instruction_with_meanings():
    code = compile("def f(a):\n    if a:\n        return len(a)\n    return None\n", "d.py", "exec")
    function = next(const for const in code.co_consts if hasattr(const, "co_code"))
    lines = disassemble(function)
    assert len(lines) == len(decode(function))
    assert any("LOAD_GLOBAL" in line and "len" in line for line in lines)
    assert any("POP_JUMP" in line and "(to " in line for line in lines)
    assert [line.split()[0] for line in lines if line[:5].strip()] == ["1", "2", "3", "4"]


def test_nothing_depends_on_where_objects_lie_in_memory():
    source = "def f(): return lambda: 1\n"
    first, second = (disassemble(compile(source, "d.py", "exec")) for _ in range(2))
    assert first == second
    assert any("<code object f>" in line for line in first)
    assert not any("0x" in line for line in first)


def test_prefixes_are_part_of_their_instruction():
    source = "def f():\n" + "".join(f"  x{n} = {n + 1000}\n" for n in range(300))
    function = next(const for const in compile(source, "d.py", "exec").co_consts if hasattr(const, "co_code"))
    assert not any("EXTENDED_ARG" in line for line in disassemble(function))
