"""Decoding and assembling with nothing inserted gives every byte back, over the whole standard library."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.instructions import assemble, decode
from meterize.cpython.pyc import compile_module
from meterize.cpython.stack import depths
from meterize.errors import TargetError
from meterize.soundness.interpretation import interpret
from meterize.soundness.neighbours import check_neighbours
from meterize.soundness.reading import check_operands, read

LIBRARY = Path(sysconfig.get_path("stdlib"))
EVERY_NTH = 40


def modules():
    """The library's sources, its test suite included, in a fixed order."""
    return sorted(path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts and path.is_file())


def codes(paths):
    for path in paths:
        try:
            module = compile_module(path.read_bytes(), str(path), 0)
        except TargetError:  # the test suite holds files that are meant not to compile
            continue
        for _, code in walk(module):
            yield code


def check(paths):
    count = 0
    for code in codes(paths):
        instructions = decode(code)
        again = assemble(code, instructions)
        assert again.co_code == code.co_code, code
        assert again.co_exceptiontable == code.co_exceptiontable, code
        assert again.co_linetable == code.co_linetable, code
        assert again.co_stacksize == code.co_stacksize, code
        assert again == code
        # The compiler's own code is what the two reckonings of the stack are held against.
        reading = read(code)
        check_operands(reading)
        check_neighbours(reading)
        states = interpret(reading)
        reached = [None if state is None else len(state) for state in states]
        emission = depths(instructions)
        assert [depth is None for depth in emission] == [depth is None for depth in reached]
        # 3.11 counts a call's arguments as gone after PRECALL, which leaves them for CALL: nothing may stand between the two.
        assert all(a == b or one.name == "CALL" for a, b, one in zip(emission, reached, instructions, strict=True)), code
        count += 1
    return count


def test_a_sample_of_the_standard_library():
    assert check(modules()[::EVERY_NTH]) > 1000


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_standard_library():
    assert check(modules()) > 30_000
