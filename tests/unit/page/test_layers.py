"""Layers: every edge leads down, long ones in steps, with few crossings."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meterize.page.layers import Edge, count_crossings, find_layers


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[Edge]]:
    count = draw(st.integers(1, 14))
    node = st.integers(0, count - 1)
    return count, draw(st.lists(st.tuples(node, node), max_size=30))


@given(graphs())
def test_every_route_descends_one_layer_at_a_time(graph: tuple[int, list[Edge]]) -> None:
    count, edges = graph
    layers = find_layers(count, edges)
    depth = {node: number for number, row in enumerate(layers.rows) for node in row}
    assert set(range(count)) <= depth.keys()
    assert len(depth) == sum(map(len, layers.rows))
    assert layers.routes.keys() == {edge for edge in edges if edge[0] != edge[1]}
    for edge, route in layers.routes.items():
        ends = edge[::-1] if edge in layers.turned else edge
        assert (route[0], route[-1]) == ends
        assert all(depth[lower] == depth[upper] + 1 for upper, lower in pairwise(route))
        assert all(step >= count for step in route[1:-1])


def test_only_edges_that_close_a_loop_are_turned() -> None:
    assert find_layers(4, [(0, 1), (1, 2), (2, 1), (2, 3), (0, 3)]).turned == {(2, 1)}
    assert find_layers(3, [(0, 2), (2, 1), (1, 2)]).turned == {(1, 2)}
    assert find_layers(2, [(0, 1), (0, 0)]).turned == frozenset()


def test_the_longest_path_gives_the_layer() -> None:
    layers = find_layers(4, [(0, 1), (1, 2), (2, 3), (0, 3)])
    assert [row[0] for row in layers.rows] == [0, 1, 2, 3]
    assert len(layers.routes[0, 3]) == 4


def test_ordering_undoes_crossings() -> None:
    # A tree whose leaves are numbered against the order of their parents.
    layers = find_layers(7, [(0, 1), (0, 2), (1, 5), (1, 6), (2, 3), (2, 4)])
    assert count_crossings(layers.rows, layers.steps()) == 0
    assert count_crossings([(0,), (1, 2), (3, 4, 5, 6)], layers.steps()) == 4


def test_a_thousand_blocks_in_a_row_need_no_recursion() -> None:
    layers = find_layers(2000, [(n, n + 1) for n in range(1999)])
    assert len(layers.rows) == 2000
