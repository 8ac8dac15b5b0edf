"""Owns what follows from the edges alone: immediate dominators, post-dominators, natural loops.

Nodes are 0 … n−1 and node 0 is the entry; ``edges[node]`` are its successors.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

import networkx  # type: ignore[import-untyped]

Edges: TypeAlias = Sequence[Collection[int]]

_EXIT = -1


def immediate_dominators(edges: Edges) -> list[int | None]:
    """The immediate dominator of each node; None for the entry and for what cannot be reached."""
    graph = networkx.DiGraph()
    graph.add_node(0)
    graph.add_edges_from((node, successor) for node, successors in enumerate(edges) for successor in successors)
    return _immediate(graph, 0, len(edges))


def immediate_post_dominators(edges: Edges, exits: Collection[int]) -> list[int | None]:
    """The immediate post-dominator of each node; None where that is the end itself, or where no exit can be reached."""
    graph = networkx.DiGraph()
    graph.add_node(_EXIT)
    graph.add_edges_from((_EXIT, node) for node in exits)
    graph.add_edges_from((successor, node) for node, successors in enumerate(edges) for successor in successors)
    return [None if parent == _EXIT else parent for parent in _immediate(graph, _EXIT, len(edges))]


def loop_depths(edges: Edges, dominators: Sequence[int | None]) -> list[int]:
    """How many natural loops are around each node; none around dead code, even if it leads into one.

    Loops that share their head are one (Aho et al., Compilers, 9.6).
    """
    predecessors: list[list[int]] = [[] for _ in edges]
    for node, successors in enumerate(edges):
        if node == 0 or dominators[node] is not None:
            for successor in successors:
                predecessors[successor].append(node)
    depths = [0] * len(edges)
    for head in range(len(edges)):
        tails = [node for node in predecessors[head] if dominates(dominators, head, node)]
        for node in _natural_loop(head, tails, predecessors):
            depths[node] += 1
    return depths


def dominates(dominators: Sequence[int | None], upper: int, lower: int) -> bool:
    """Whether ``upper`` is ``lower`` or one of its dominators."""
    node: int | None = lower
    while node is not None and node != upper:
        node = dominators[node]
    return node == upper


def _immediate(graph: networkx.DiGraph, start: int, count: int) -> list[int | None]:
    parents = networkx.immediate_dominators(graph, start)
    # Up to networkx 3.5 the start is its own dominator, later it has none.
    return [None if node == start else parents.get(node) for node in range(count)]


def _natural_loop(head: int, tails: Sequence[int], predecessors: Sequence[Sequence[int]]) -> set[int]:
    if not tails:
        return set()
    loop = {head}
    pending = list(tails)
    while pending:
        node = pending.pop()
        if node not in loop:
            loop.add(node)
            pending.extend(predecessors[node])
    return loop
