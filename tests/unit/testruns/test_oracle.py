"""Executed instructions against what ``sys.settrace`` saw, over every shape of control flow."""

from __future__ import annotations

import dis
import json
import subprocess
import sys
import textwrap

import pytest

from meterize.cpython.identity import code_id, walk
from meterize.cpython.versions import HAS_MONITORING
from meterize.model.code import mask_of, offsets_of
from meterize.rewriting import probe_module

_SHAPES = """
import asyncio, contextlib


def branches(n):
    found = [a if n > 1 else b for a, b in ((1, 2), (3, 4))]
    text = "small" if n < 2 else "big" if n < 5 else "huge"
    return found and text or None


def loops(n):
    total = 0
    for number in range(n):
        if number == 3:
            break
        total += number
    else:
        total = -1
    while total > 0 and n:
        total -= 2
    return total


def raising(n):
    try:
        try:
            return 1 / n
        except ZeroDivisionError:
            raise ValueError(n) from None
        finally:
            n = n + 1
    except* ValueError as group:
        n = len(group.exceptions)
    return n


def managed(n):
    with contextlib.suppress(KeyError):
        {}[n]
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: n)
        return n


def matching(thing):
    match thing:
        case {"kind": kind, **rest}:
            return kind, rest
        case [first, *_]:
            return first
        case str() | int():
            return thing
        case _:
            return None


def produce(n):
    for number in range(n):
        got = yield number
        if got:
            return got
    yield from (square * square for square in range(n))


async def ticks(n):
    for number in range(n):
        await asyncio.sleep(0)
        yield number


async def consume(n):
    async with contextlib.AsyncExitStack():
        return [tick async for tick in ticks(n) if tick % 2]


def closing(n):
    def inner(more=n):
        nonlocal n
        n += more
        return {key: n for key in "ab"}, {n for _ in "ab"}
    return inner


class Shape:
    sides: int = 4

    def __init__(self, sides=3):
        super().__init__()
        self.sides = sides

    @property
    def name(self):
        return f"{self.sides!r:>3} sides" if self.sides else f"{'none'}"


def wide(n):
    names = [None]
    WIDE
    return names


def run(n):
    branches(n); loops(n); raising(n); managed(n); matching([n]); matching({"kind": n}); matching(n); matching(None)
    list(produce(n)); asyncio.run(consume(n)); closing(n)(); Shape(n).name; wide(n)
    generator = produce(3)
    next(generator)
    with contextlib.suppress(StopIteration):
        generator.send(7)
""".replace("WIDE", "\n    ".join(f"value_{n} = names[0] or {n}.5" for n in range(300)))

_TRACER = textwrap.dedent("""
    import json, sys, threading
    seen = {}
    def trace(frame, event, argument):
        code = frame.f_code
        if not code.co_filename.endswith("shop/shapes.py"):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            seen.setdefault(f"{code.co_qualname}:{code.co_firstlineno}", set()).add(frame.f_lasti)
        return trace
    import shop.shapes
    sys._getframe().f_trace_opcodes = True  # or 3.12 does not turn the events on at all
    sys.settrace(trace)
    shop.shapes.run(int(sys.argv[1]))
    sys.settrace(None)
    json.dump({name: sorted(offsets) for name, offsets in seen.items()}, open("seen.json", "w"))
""")


# Not reported by sys.monitoring, or stepped over by specialised code, though the frame may pass them.
_SILENT = {"RESUME", "END_FOR", "EXTENDED_ARG", "CACHE", "COPY_FREE_VARS", "MAKE_CELL", "RETURN_GENERATOR", "END_SEND", "NOP"}


def _comparable(module):
    """For each code object, the instructions that both observers report."""
    if HAS_MONITORING:
        return {_key(code_id("m", code)): _reported(code) for _, code in walk(module)}
    masks = {_key(code_id("m", code)): 0 for _, code in walk(module)}
    # A probe tells of what stands between it and the next as well, unless something raises there.
    for probe in probe_module(module, "m", 0)[1]:
        masks[_key(probe.code)] |= mask_of([probe.offset])
    return masks


def _behind_prefixes(code, offsets):
    """The tracer reports the first EXTENDED_ARG of an instruction (3.11), or it and the opcode (3.12)."""
    for seen in offsets:
        yield next(at for at in range(seen, len(code.co_code), 2) if code.co_code[at] != dis.EXTENDED_ARG)


def _key(name):
    return f"{name.qualname}:{name.first_line}"


def _reported(code):
    instructions = list(dis.get_instructions(code))
    silent = set()
    for at, instruction in enumerate(instructions):
        before = instructions[at - 1].opname if at else ""
        if instruction.opname in _SILENT or (instruction.opname == "POP_TOP" and before in {"END_FOR", "RETURN_GENERATOR"}):
            silent.add(instruction.offset)
    return mask_of({instruction.offset for instruction in instructions} - silent)


@pytest.mark.parametrize("n", [0, 1, 4, 9])
def test_as_the_tracer_saw_it(suite, n):
    suite.install({"shop/shapes.py": _SHAPES})
    suite.write(
        trace=_TRACER,
        test_shapes=f"import asyncio, shop.shapes\ndef test_warm(): shop.shapes.run(2)\ndef test_it(): shop.shapes.run({n})\n",
    )
    subprocess.run([sys.executable, "trace.py", str(n)], cwd=suite.work, env={"PYTHONPATH": str(suite.site)}, check=True)
    seen = json.loads((suite.work / "seen.json").read_text())
    record = suite.collect("python -m pytest -q test_shapes.py")
    executed = {_key(name): mask for name, mask in record.tests[1].executed.items()}
    module = suite.code("shop/shapes.py")
    codes = {_key(code_id("m", code)): code for _, code in walk(module)}
    differing = {}
    for name, comparable in _comparable(module).items():
        difference = (executed.get(name, 0) ^ mask_of(_behind_prefixes(codes[name], seen.get(name, ())))) & comparable
        if difference:
            names = {instruction.offset: instruction.opname for instruction in dis.get_instructions(codes[name])}
            differing[name] = [(offset, names[offset]) for offset in offsets_of(difference)]
    assert differing == {}
    assert len(executed) > 10
