"""Owns what follows from the edges alone: immediate dominators, post-dominators, natural loops.

Nodes are 0 … n−1 and node 0 is the entry; ``edges[node]`` are its successors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from typing import TypeAlias

Edges: TypeAlias = Sequence[Collection[int]]


def immediate_dominators(edges: Edges) -> list[int | None]:
    """The immediate dominator of each node; None for the entry and for what cannot be reached."""
    return _immediate(edges, 0)


def immediate_post_dominators(edges: Edges, exits: Collection[int]) -> list[int | None]:
    """The immediate post-dominator of each node; None where that is the end itself, or where no exit can be reached."""
    end = len(edges)
    backwards: list[list[int]] = [*_predecessors(edges), list(exits)]
    return [None if parent == end else parent for parent in _immediate(backwards, end)[:end]]


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


def _immediate(edges: Edges, start: int) -> list[int | None]:
    """Cooper, Harvey, Kennedy, A Simple, Fast Dominance Algorithm (2001), figure 3."""
    order = _postorder(edges, start)
    rank = {node: number for number, node in enumerate(order)}
    predecessors = _predecessors(edges)
    parents = {start: start}
    changed = True
    while changed:
        changed = False
        for node in reversed(order[:-1]):
            known = [other for other in predecessors[node] if other in parents]
            parent = reduce(lambda one, other: _meeting(parents, rank, one, other), known)
            if parents.get(node) != parent:
                parents[node] = parent
                changed = True
    del parents[start]
    return [parents.get(node) for node in range(len(edges))]


def _meeting(parents: Mapping[int, int], rank: Mapping[int, int], one: int, other: int) -> int:
    """Where the ways up to the start join: ``rank`` grows upwards."""
    while one != other:
        if rank[one] < rank[other]:
            one = parents[one]
        else:
            other = parents[other]
    return one


def _postorder(edges: Edges, start: int) -> list[int]:
    """What can be reached from ``start``, each node behind all that a search in depth finds below it."""
    found: list[int] = []
    seen = {start}
    pending = [(start, iter(edges[start]))]
    while pending:
        node, others = pending[-1]
        below = next((other for other in others if other not in seen), None)
        if below is None:
            found.append(node)
            pending.pop()
        else:
            seen.add(below)
            pending.append((below, iter(edges[below])))
    return found


def _predecessors(edges: Edges) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in edges]
    for node, successors in enumerate(edges):
        for successor in successors:
            found[successor].append(node)
    return found


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
