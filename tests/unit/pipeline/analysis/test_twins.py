"""Hook points on one line, and what a reader tells them apart by."""

from __future__ import annotations

from pathlib import Path

from meterize.cpython.identity import code_id, walk
from meterize.model.code import CodeId
from meterize.model.package import Package
from meterize.model.plan import HookPoint
from meterize.pipeline.analysis.twins import tell_apart
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.sources import PackageCode

FILE = "shop/__init__.py"


def graphs_of(tmp_path: Path, source: str) -> tuple[Graphs, CodeId]:
    """The graphs of a package with one function."""
    (tmp_path / "shop").mkdir()
    (tmp_path / FILE).write_text(source, encoding="utf-8")
    code = PackageCode(Package(import_name="shop", distribution="shop", version="1", site=tmp_path, modules=(FILE,)))
    [name] = [code_id(FILE, each) for _, each in walk(code.module(FILE)) if each.co_qualname == "f"]
    return Graphs(code), name


def points(name: CodeId, *places: tuple[int, int | None]) -> list[HookPoint]:
    return [
        HookPoint(id=f"shop/x/{number}", code=name, line=line, offset=offset or 0, digest="", why="Because.", covers=())
        for number, (line, offset) in enumerate(places, 1)
    ]


def test_copies_of_one_line_are_told_apart_by_where_control_comes_from(tmp_path: Path) -> None:
    """What a ``finally`` does is compiled twice by every version: for the usual end, and for an exception."""
    source = "def f(a):\n  try:\n    a.open()\n    a.sell()\n  except OSError:\n    a.mend()\n  finally:\n    a.close()\n"
    graphs, name = graphs_of(tmp_path, source)
    graph = graphs.all([name])[name]
    lines = {block.index: block.line for block in graph.blocks}
    copies = [block for block in graph.blocks if lines[block.index] == 8 or block.last_line == 8]
    places = [(8, block.last_hook_offset) for block in copies if block.last_hook_offset and block.last_line == 8]
    assert len(places) >= 2
    whys = [point.why for point in tell_apart(points(name, *places), graphs)]
    assert len(set(whys)) == len(places)
    assert all(why.startswith(f"One of {len(places)} places on line 8: the one a") for why in whys)
    assert all(why.endswith(". Because.") for why in whys)


def test_two_arms_that_end_in_one_return(tmp_path: Path) -> None:
    source = "def f(a, b):\n    if a:\n        b = b.own()\n    else:\n        b = b.other()\n    return b\n"
    graphs, name = graphs_of(tmp_path, source)
    ends = [(6, block.last_hook_offset) for block in graphs.all([name])[name].blocks if block.returns]
    whys = [point.why for point in tell_apart(points(name, *ends), graphs)]
    if len(ends) > 1:  # from 3.12 on (Python/flowgraph.c, inline_small_exit_blocks)
        assert whys == [
            "One of 2 places on line 6: the one after line 3. Because.",
            "One of 2 places on line 6: the one after line 5. Because.",
        ]
    else:
        assert whys == ["Because."]


def test_two_arms_of_one_line_are_told_apart_by_their_text(tmp_path: Path) -> None:
    graphs, name = graphs_of(tmp_path, "def f(a, b):\n    c = b.own(1) if a else b.other(2)\n    return c, c, c, c, c\n")
    blocks = graphs.all([name])[name].blocks
    arms = [(2, block.hook_offset) for block in blocks[1:3]]
    assert [point.why for point in tell_apart(points(name, *arms), graphs)] == [
        "One of 2 places on line 2: the one at `b.own(1)`. Because.",
        "One of 2 places on line 2: the one at `b.other(2)`. Because.",
    ]


def test_what_nothing_else_tells_apart_is_told_by_its_place_in_the_bytecode(tmp_path: Path) -> None:
    graphs, name = graphs_of(tmp_path, "def f(a, b):\n    c = b.own(1) if a else b.other(2)\n    return c, c, c, c, c\n")
    block = graphs.all([name])[name].blocks[1]
    whys = [point.why for point in tell_apart(points(name, (2, block.offsets[0]), (2, block.offsets[-1])), graphs)]
    ends = [block.offsets[0], block.offsets[-1]]
    assert [why.split(": ")[1] for why in whys] == [f"the one at byte {offset} of the code. Because." for offset in ends]


def test_places_on_lines_of_their_own_say_nothing_of_others(tmp_path: Path) -> None:
    graphs, name = graphs_of(tmp_path, "def f(a):\n    if a:\n        return 1\n    return 2\n")
    ends = [(block.last_line or 0, block.last_hook_offset) for block in graphs.all([name])[name].blocks if block.returns]
    assert [point.why for point in tell_apart(points(name, *ends), graphs)] == ["Because."] * 2
