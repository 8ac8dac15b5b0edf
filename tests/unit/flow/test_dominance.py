"""Dominators against their definition, on graphs that hypothesis makes."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from meterize.flow.dominance import dominates, immediate_dominators, immediate_post_dominators, loop_depths

EXIT = -1


@st.composite
def edge_lists(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(1, 9))
    return draw(st.lists(st.lists(st.integers(0, count - 1), max_size=3, unique=True), min_size=count, max_size=count))


def reachable(edges: Sequence[Sequence[int]], start: int, without: int | None = None) -> set[int]:
    found: set[int] = set()
    pending = [] if start == without else [start]
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(other for other in edges[node] if other != without)
    return found


def dominators_by_definition(edges: Sequence[Sequence[int]], start: int, node: int) -> set[int]:
    """Remove a node: what can no longer be reached, it dominates."""
    return {upper for upper in range(len(edges)) if node not in reachable(edges, start, without=upper)}


@given(edge_lists())
def test_dominators_are_the_nodes_without_which_one_cannot_be_reached(edges: list[list[int]]) -> None:
    immediate = immediate_dominators(edges)
    for node in range(len(edges)):
        if node not in reachable(edges, 0):
            assert immediate[node] is None
            continue
        assert {upper for upper in range(len(edges)) if dominates(immediate, upper, node)} == dominators_by_definition(
            edges, 0, node
        )


@given(edge_lists(), st.data())
def test_post_dominators_are_dominators_of_the_reversed_graph(edges: list[list[int]], data: st.DataObject) -> None:
    exits = data.draw(st.sets(st.integers(0, len(edges) - 1)))
    end = len(edges)
    backwards: list[list[int]] = [[] for _ in range(end + 1)]
    backwards[end].extend(exits)
    for node, successors in enumerate(edges):
        for successor in successors:
            backwards[successor].append(node)
    immediate = immediate_post_dominators(edges, exits)
    for node in range(end):
        if node not in reachable(backwards, end):
            assert immediate[node] is None
            continue
        found = {upper for upper in range(end) if dominates(immediate, upper, node)}
        assert found == dominators_by_definition(backwards, end, node) - {end}


@given(edge_lists())
def test_a_loop_has_one_way_in_and_a_way_back(edges: list[list[int]]) -> None:
    """The definition of a natural loop: all that reaches a back edge's tail without passing its head, and the head."""
    immediate = immediate_dominators(edges)
    live = reachable(edges, 0)
    expected = [0] * len(edges)
    for head in live:
        tails = {node for node in live if head in edges[node] and head in dominators_by_definition(edges, 0, node)}
        body = {node for node in live if tails & reachable(edges, node, without=head) or (tails and node == head)}
        for node in body:
            expected[node] += 1
    found = loop_depths(edges, immediate)
    assert found == expected


def test_two_back_edges_to_one_head_are_one_loop() -> None:
    edges = [[1], [2, 3], [1], [1, 4], []]
    assert loop_depths(edges, immediate_dominators(edges)) == [0, 1, 1, 1, 0]


def test_nested_loops_add_up() -> None:
    edges = [[1], [2, 5], [3], [3, 4], [1], []]
    assert loop_depths(edges, immediate_dominators(edges)) == [0, 1, 1, 2, 1, 0]


def test_a_cycle_with_two_ways_in_is_no_natural_loop() -> None:
    edges = [[1, 2], [2], [1]]
    assert loop_depths(edges, immediate_dominators(edges)) == [0, 0, 0]


def test_what_never_ends_has_no_post_dominator() -> None:
    assert immediate_post_dominators([[1, 2], [1], []], [2]) == [2, None, None]
