"""Blocks, edges and places of a graph against two independent sources: the standard library's `dis`, and what really ran."""

from __future__ import annotations

import contextlib
import dis
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest

from meterize.cpython.identity import walk
from meterize.cpython.legality import hook_offsets
from meterize.flow import build_graph
from meterize.model.code import mask_of
from meterize.model.flow import ControlFlowGraph

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))


def edges_by_dis(code: CodeType) -> tuple[set[int], set[tuple[int, int]], set[tuple[int, int]]]:
    """Block leaders, normal edges and exception edges, by the byte offset at which a block's first prefix or opcode stands."""
    instructions = [one for one in dis.get_instructions(code) if one.opname != "CACHE"]
    table = dis._parse_exception_table(code)  # type: ignore[attr-defined]
    starts, pending = {}, None
    for one in instructions:
        pending = one.offset if pending is None else pending
        if one.opname != "EXTENDED_ARG":
            starts[one.offset] = pending
            pending = None
    real = [one for one in instructions if one.opname != "EXTENDED_ARG"]
    stops = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
    leaders = {0} | {entry.target for entry in table}
    for one, following in zip(real, [*real[1:], None], strict=True):
        if one.opcode in dis.hasjrel:
            leaders.add(one.argval)
        if following is not None and (one.opcode in dis.hasjrel or one.opname in stops):
            leaders.add(starts[following.offset])
    normal, exceptional, current = set(), set(), 0
    for one, following in zip(real, [*real[1:], None], strict=True):
        start = starts[one.offset]
        current = start if start in leaders else current
        for entry in table:
            if entry.start <= start < entry.end:
                exceptional.add((current, entry.target))
                break
        if one.opcode in dis.hasjrel and one.opname != "END_ASYNC_FOR":  # whose operand, from 3.14 on, is no jump
            normal.add((current, one.argval))
        goes_on = one.opname not in stops and one.opname not in ("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT")
        if goes_on and following is not None and starts[following.offset] in leaders:
            normal.add((current, starts[following.offset]))
    return leaders, normal, exceptional


def edges_of(graph: ControlFlowGraph, code: CodeType) -> tuple[set[int], set[tuple[int, int]], set[tuple[int, int]]]:
    prefix = dis.opmap["EXTENDED_ARG"]
    starts = []
    for block in graph.blocks:
        start = block.offsets[0]
        while start >= 2 and code.co_code[start - 2] == prefix and start - 2 not in graph.blocks[block.index - 1].offsets:
            start -= 2
        starts.append(start)
    normal = {(starts[block.index], starts[other]) for block in graph.blocks for other in block.successors}
    exceptional = {(starts[block.index], starts[other]) for block in graph.blocks for other in block.handlers}
    return set(starts), normal, exceptional


def check_graph(code: CodeType) -> None:
    graph = build_graph("package/module.py", code)
    assert edges_of(graph, code) == edges_by_dis(code)
    opcodes = [one.offset for one in dis.get_instructions(code) if one.opname not in ("EXTENDED_ARG", "CACHE")]
    assert [offset for block in graph.blocks for offset in block.offsets] == opcodes
    legal = hook_offsets(code)
    for index, block in enumerate(graph.blocks):
        assert block.index == index
        assert block.mask == mask_of(block.offsets)
        inside = [offset for offset in block.offsets if offset in legal]
        assert (block.hook_offset, block.last_hook_offset) == ((inside[0], inside[-1]) if inside else (None, None))
        assert block.returns == dis.opname[code.co_code[block.offsets[-1]]].startswith("RETURN_")
    assert any(block.hook_offset is not None for block in graph.blocks)
    assert graph.blocks[0].dominator is None
    check_loops(graph)


def check_loops(graph: ControlFlowGraph) -> None:
    """A block is in a natural loop if and only if it can come back to itself: compiled Python has no other cycles."""
    edges = [(*block.successors, *block.handlers) for block in graph.blocks]
    for block in graph.blocks:
        reached: set[int] = set()
        pending = list(edges[block.index])
        while pending:
            node = pending.pop()
            if node not in reached:
                reached.add(node)
                pending.extend(edges[node])
        reachable = block.index == 0 or block.dominator is not None
        assert (block.loop_depth > 0) == (reachable and block.index in reached)


def standard_library(step: int) -> Iterator[CodeType]:
    paths = sorted(path for path in STANDARD_LIBRARY.rglob("*.py") if "site-packages" not in path.parts and path.is_file())
    for path in paths[::step]:
        with contextlib.suppress(SyntaxError, ValueError):  # lib2to3 and test data hold bad files on purpose
            yield compile(path.read_bytes(), str(path), "exec", dont_inherit=True)


def test_every_shape_has_the_edges_that_dis_shows(shape) -> None:
    for _, code in walk(shape.define().__code__):
        check_graph(code)


@pytest.mark.filterwarnings("ignore")
def test_a_sample_of_the_standard_library_has_the_edges_that_dis_shows() -> None:
    codes = [code for module in standard_library(step=90) for _, code in walk(module)]
    assert len(codes) > 200
    for code in codes:
        check_graph(code)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore")
def test_the_whole_standard_library_has_the_edges_that_dis_shows() -> None:
    count = 0
    for module in standard_library(step=1):
        for _, code in walk(module):
            check_graph(code)
            count += 1
    assert count > 10_000


@contextlib.contextmanager
def instructions_traced(codes: list[CodeType], note: Callable[[FrameType, int], None]) -> Iterator[None]:
    """Calls ``note`` before each instruction of the code objects: by sys.settrace, by sys.monitoring where there is one (3.12.1
    loses opcode events that are asked for while a frame runs)."""
    if sys.version_info < (3, 12):

        def trace(frame: FrameType, event: str, argument: object) -> object:
            frame.f_trace_opcodes = True
            if event == "opcode":
                note(frame, frame.f_lasti)
            return trace

        before = sys.gettrace()
        sys.settrace(lambda frame, *_: trace if frame.f_code in codes else None)
        try:
            yield
        finally:
            sys.settrace(before)
        return
    monitoring, tool = sys.monitoring, 4  # hypothesis has 3
    monitoring.use_tool_id(tool, "test of flow")
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, lambda code, offset: note(sys._getframe(1), offset))
    for code in codes:
        monitoring.set_local_events(tool, code, monitoring.events.INSTRUCTION)
    try:
        yield
    finally:
        for code in codes:
            monitoring.set_local_events(tool, code, 0)
        monitoring.free_tool_id(tool)


def test_control_only_takes_edges_of_the_graph(shape) -> None:
    """The oracle is the interpreter: each step from block to block that a tracer sees is an edge."""
    run = shape.define()
    graphs = {id(code): build_graph("m.py", code) for _, code in walk(run.__code__)}
    block_of = {key: {offset: block for block in graph.blocks for offset in block.offsets} for key, graph in graphs.items()}
    steps: dict[int, set[tuple[int, int]]] = defaultdict(set)
    previous: dict[FrameType, int] = {}

    def note(frame: FrameType, offset: int) -> None:
        key = id(frame.f_code)
        while offset not in block_of[key]:  # a tracer may stop at an instruction's first prefix
            offset += 2
        if previous.get(frame) not in (None, offset):
            steps[key].add((previous[frame], offset))
        previous[frame] = offset

    with instructions_traced([code for _, code in walk(run.__code__)], note):
        for argument in shape.arguments:
            with contextlib.suppress(LookupError):
                run(argument)
    assert steps
    for key, taken in steps.items():
        for source, destination in taken:
            here, there = block_of[key][source], block_of[key][destination]
            if here is there and destination > source:
                continue
            assert there.index in here.successors + here.handlers, (shape.name, source, destination)


def test_module_and_class_bodies_are_no_functions() -> None:
    module = compile("class C:\n    def f(self): yield\n    async def g(self): yield\nasync def h(): pass\n", "m", "exec")
    graphs = [build_graph("m.py", code) for _, code in walk(module)]
    assert [(graph.code.qualname, graph.kind, graph.is_function) for graph in graphs] == [
        ("<module>", "module", False),
        ("C", "class", False),
        ("C.f", "generator", True),
        ("C.g", "async-generator", True),
        ("h", "coroutine", True),
    ]


def test_post_dominators_are_what_every_successful_call_passes() -> None:
    scope: dict[str, object] = {}
    source = "def f(x):\n if x:\n  x = g(x)\n try:\n  y = x()\n except ValueError:\n  raise\n return y\n"
    exec(source, scope)
    code = scope["f"].__code__  # type: ignore[attr-defined]
    graph = build_graph("m.py", code)
    chain, node = [], graph.blocks[0].post_dominator
    while node is not None:
        chain.append(graph.blocks[node])
        node = graph.blocks[node].post_dominator
    assert chain[-1].returns
    last = chain[-1].last_hook_offset
    assert last is not None
    assert list(code.co_positions())[last // 2][0] == 8
    arm = next(block for block in graph.blocks if block.line == 3)
    assert arm not in chain
    handlers = [graph.blocks[index] for block in graph.blocks for index in block.handlers]
    assert handlers
    assert not any(handler in chain or handler.returns for handler in handlers)


def test_a_generators_entry_is_behind_its_start() -> None:
    scope: dict[str, object] = {}
    exec("def f():\n    yield 1\n", scope)
    code = scope["f"].__code__  # type: ignore[attr-defined]
    entry = build_graph("m.py", code).blocks[0]
    started = next(one.offset for one in dis.get_instructions(code) if one.opname == "RESUME")
    assert entry.hook_offset is not None
    assert entry.hook_offset > started


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695 is 3.12 syntax")
def test_a_variable_that_is_both_a_comprehension_s_own_and_free_around_it() -> None:
    """`bytecode` 0.19.1 runs out of names for these on 3.13."""
    source = "def f():\n    type Alias[T: [lambda: T for T in (T, [1])[1]]] = [lambda: T for T in T.__name__]\n"
    for _, code in walk(compile(source, "m", "exec", dont_inherit=True)):
        check_graph(code)
