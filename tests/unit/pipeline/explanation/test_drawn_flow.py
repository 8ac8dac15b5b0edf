"""Control flow as it is drawn."""

from __future__ import annotations

from pathlib import Path
from types import CodeType

from meterize.cpython.identity import walk
from meterize.cpython.instructions import decode
from meterize.flow import build_graph
from meterize.model.flow import ControlFlowGraph
from meterize.model.page import Flow, PageHook
from meterize.model.plan import Fires, HookPoint
from meterize.pipeline.explanation.drawn_flow import draw, line_at


def built(source: str, qualname: str) -> tuple[ControlFlowGraph, CodeType, list[str]]:
    module = compile(source, "m.py", "exec", dont_inherit=True)
    [code] = [each for _, each in walk(module) if each.co_qualname == qualname]
    return build_graph("m.py", code), code, source.split("\n")


def hook_on(graph: ControlFlowGraph, code: CodeType, text: str, source: list[str]) -> PageHook:
    """A hook in the block that evaluates ``text``."""
    for one in decode(code):
        line, last, left, right = one.position
        if line and line == last and left is not None and source[line - 1].encode()[left:right].decode() == text:
            [block] = [block for block in graph.blocks if one.offset in block.offsets]
            assert block.hook_offset is not None
            point = HookPoint(id="d/f/1", code=graph.code, line=line, offset=block.hook_offset, digest="", why="", covers=())
            return PageHook(
                number=1, point=point, kind="function", is_entry=False, text="", part="", fires=Fires(), rest_tests=0
            )
    raise AssertionError(text)


def first_lines(flow: Flow) -> list[str]:
    return [block.text[0] if block.text else "" for block in flow.blocks]


ARMS = """\
def f(x):
    y = (g(1) if x else h(2))
    return y
"""


def test_arms_of_one_line_are_told_apart_and_the_way_to_the_hook_is_known() -> None:
    graph, code, source = built(ARMS, "f")
    hook = hook_on(graph, code, "g(1)", source)
    flow = draw(graph, code, source, dict.fromkeys(graph.blocks[1].offsets, 5), [hook])
    assert {"g(1)", "h(2)"} <= set(first_lines(flow))
    hooked = [block for block in flow.blocks if block.hooks]
    assert [(block.text[0], block.share, block.proofs) for block in hooked] == [("g(1)", 1.0, 5)]
    assert [block.dominates for block in flow.blocks][:2] == [True, True]
    assert not any(block.dominates for block in flow.blocks if block.text[0] == "h(2)")
    assert line_at(graph, code, source, hook.point.offset, 2) == ("y = (g(1) if x else h(2))", "g(1)")
    assert line_at(graph, code, source, graph.blocks[0].hook_offset or 0, 2)[1] == ""
    assert line_at(graph, code, source, hook.point.offset, 99) == ("", "")


def test_clean_up_code_of_the_compiler_is_passed_through() -> None:
    graph, code, source = built(
        "def f(x):\n    with x as y:\n        g(y)\n    try:\n        h()\n    except E as e:\n        i(e)\n    return 1\n",
        "f",
    )
    hook = hook_on(graph, code, "g(y)", source)
    flow = draw(graph, code, source, {}, [hook])
    assert any(block.line is None for block in graph.blocks)
    assert all(block.lines for block in flow.blocks)
    assert any(edge.exception for edge in flow.edges)
    exceptional = {flow.blocks[edge.end].text[0] for edge in flow.edges if edge.exception and flow.blocks[edge.end].text}
    assert any("except" in text or "E" in text for text in exceptional)


def test_a_hook_is_drawn_even_where_there_is_no_source() -> None:
    # The jump back of a loop has no line of its own (3.11, 3.12), and yet a hook may stand before it.
    graph, code, source = built("def f(xs):\n    for x in xs:\n        if x:\n            return x\n    return 1\n", "f")
    for block in graph.blocks:
        if block.hook_offset is not None:
            point = HookPoint(id="d/f/1", code=graph.code, line=1, offset=block.hook_offset, digest="", why="", covers=())
            hook = PageHook(
                number=1, point=point, kind="function", is_entry=False, text="", part="", fires=Fires(), rest_tests=0
            )
            flow = draw(graph, code, source, {}, [hook])
            assert [each.hooks for each in flow.blocks if each.hooks] == [(1,)]


def test_loops_lead_back() -> None:
    graph, code, source = built("def f(xs):\n    for x in xs:\n        g(x)\n    return 1\n", "f")
    flow = draw(graph, code, source, {}, [hook_on(graph, code, "g(x)", source)])
    assert any(edge.start > edge.end for edge in flow.edges)
    assert any(block.loop_depth for block in flow.blocks)


def test_of_a_huge_function_the_neighbourhood_is_drawn() -> None:
    body = "".join(f"    if a == {number}:\n        g({number})\n" for number in range(400))
    graph, code, source = built(f"def f(a):\n{body}    return 1\n", "f")
    flow = draw(graph, code, source, {}, [hook_on(graph, code, "g(300)", source)])
    assert len(flow.blocks) == 90
    assert flow.left_out > 500
    assert [block.text for block in flow.blocks if block.hooks] == [("g(300)",)]
    assert all(max(edge.start, edge.end) < 90 for edge in flow.edges)


def test_wide_characters_and_missing_lines(tmp_path: Path) -> None:
    graph, code, source = built('def f(x):\n    y = "日本語" if x else "ü"\n    return y\n', "f")
    flow = draw(graph, code, source[:2], {}, [hook_on(graph, code, '"日本語"', source)])
    assert {'"日本語"', '"ü"'} <= set(first_lines(flow))
    assert flow.blocks[0].lines
