"""Boxes and edges of a drawing."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.page.layers import Edge
from meterize.page.layout import lay_out

Sizes = list[tuple[float, float]]


@st.composite
def drawings(draw: st.DrawFn) -> tuple[Sizes, list[Edge]]:
    sizes = draw(st.lists(st.tuples(st.floats(20, 300), st.floats(10, 90)), min_size=1, max_size=12))
    node = st.integers(0, len(sizes) - 1)
    return sizes, draw(st.lists(st.tuples(node, node), max_size=24))


@given(drawings())
def test_no_boxes_overlap_and_all_is_inside(drawing: tuple[Sizes, list[Edge]]) -> None:
    sizes, edges = drawing
    layout = lay_out(sizes, edges)
    assert [(box.width, box.height) for box in layout.boxes] == sizes
    for one, other in combinations(layout.boxes, 2):
        beside = one.x + one.width <= other.x or other.x + other.width <= one.x
        above = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert beside or above
    for box in layout.boxes:
        assert -1e-6 <= box.x <= box.x + box.width <= layout.width + 1e-6
        assert -1e-6 <= box.y <= box.y + box.height <= layout.height + 1e-6
    for points in layout.routes.values():
        assert all(-1e-6 <= x <= layout.width + 1e-6 and -1e-6 <= y <= layout.height + 1e-6 for x, y in points)


@given(drawings())
def test_edges_begin_and_end_at_their_boxes_and_pass_no_other(drawing: tuple[Sizes, list[Edge]]) -> None:
    sizes, edges = drawing
    layout = lay_out(sizes, edges)
    for (start, end), points in layout.routes.items():
        for node, (x, y) in ((start, points[0]), (end, points[-1])):
            box = layout.boxes[node]
            assert box.x - 1e-6 <= x <= box.x + box.width + 1e-6
            assert min(abs(y - box.y), abs(y - box.y - box.height)) < 1e-6
        for (x0, y0), (x1, y1) in pairwise(points):
            for node, box in enumerate(layout.boxes):
                if node in (start, end) or abs(x0 - x1) > 1e-6:
                    continue
                is_inside = box.x < x0 < box.x + box.width and min(y0, y1) < box.y + box.height and box.y < max(y0, y1)
                assert not is_inside


def test_a_diamond_is_symmetrical() -> None:
    layout = lay_out([(80, 20)] * 4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    top, left, right, bottom = (box.x + box.width / 2 for box in layout.boxes)
    assert top == pytest.approx(bottom) == pytest.approx((left + right) / 2)
    assert layout.boxes[0].y < layout.boxes[1].y == layout.boxes[2].y < layout.boxes[3].y


def test_an_edge_back_ends_at_the_head_of_the_loop() -> None:
    layout = lay_out([(80, 20)] * 3, [(0, 1), (1, 2), (2, 1)])
    (_, from_y), (_, to_y) = layout.routes[2, 1]
    assert from_y > to_y


def test_a_chain_is_straight() -> None:
    layout = lay_out([(60, 20), (200, 20), (90, 40)], [(0, 1), (1, 2)])
    assert len({round(box.x + box.width / 2, 6) for box in layout.boxes}) == 1
