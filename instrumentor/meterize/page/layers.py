"""Owns the layers of a graph: longest paths from its entry, long edges cut into steps of one layer, few crossings.

Sugiyama, Tagawa & Toda (1981), "Methods for visual understanding of hierarchical system structures": edges that lead back
are turned round, nodes get layers, and each layer is ordered by the barycentre of its neighbours, to and fro.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

Edge: TypeAlias = tuple[int, int]

_SWEEPS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """Nodes by layer, from left to right; those behind the graph's own are steps of long edges.

    ``routes`` are the nodes that each edge passes, ends included, always downwards: ``turned`` edges are read from the end.
    """

    rows: tuple[tuple[int, ...], ...]
    routes: dict[Edge, tuple[int, ...]]
    turned: frozenset[Edge]

    def steps(self) -> list[Edge]:
        """All pairs of neighbours in adjacent layers."""
        return [pair for route in self.routes.values() for pair in pairwise(route)]


def find_layers(count: int, edges: Sequence[Edge]) -> Layers:
    """The layers of nodes 0 … ``count`` − 1, of which 0 is the entry. Self-loops are left out."""
    proper = [edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]]
    turned = _leading_back(count, proper)
    downwards = {edge: edge[::-1] if edge in turned else edge for edge in proper}
    depth = _depths(count, list(downwards.values()))
    rows: list[list[int]] = [[] for _ in range(max(depth, default=0) + 1)]
    for node, layer in enumerate(depth):
        rows[layer].append(node)
    routes: dict[Edge, tuple[int, ...]] = {}
    fresh = count
    for edge, (upper, lower) in downwards.items():
        between = range(depth[upper] + 1, depth[lower])
        for number, layer in enumerate(between, fresh):
            rows[layer].append(number)
        routes[edge] = (upper, *range(fresh, fresh + len(between)), lower)
        fresh += len(between)
    layers = Layers(rows=tuple(map(tuple, rows)), routes=routes, turned=turned)
    return Layers(rows=_ordered(layers), routes=routes, turned=turned)


def count_crossings(rows: Sequence[Sequence[int]], steps: Sequence[Edge]) -> int:
    """How many pairs of steps cross."""
    place = {node: (layer, index) for layer, row in enumerate(rows) for index, node in enumerate(row)}
    by_layer: dict[int, list[Edge]] = defaultdict(list)
    for upper, lower in steps:
        by_layer[place[upper][0]].append((place[upper][1], place[lower][1]))
    crossings = 0
    for pairs in by_layer.values():
        passed: list[int] = []
        for _, lower in sorted(pairs):
            at = bisect(passed, lower)
            crossings += len(passed) - at
            passed.insert(at, lower)
    return crossings


def _leading_back(count: int, edges: Sequence[Edge]) -> frozenset[Edge]:
    """Edges to a node that the search is still in: without them there is no cycle."""
    after = _after(edges)
    state = [0] * count  # 1: in it, 2: done
    back: set[Edge] = set()
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(after[root]))]
        while stack:
            node, targets = stack[-1]
            for target in targets:
                if state[target] == 1:
                    back.add((node, target))
                elif not state[target]:
                    state[target] = 1
                    stack.append((target, iter(after[target])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return frozenset(back)


def _depths(count: int, edges: Sequence[Edge]) -> list[int]:
    """The longest way from a node without predecessors, for each node of an acyclic graph."""
    after = _after(edges)
    waiting = [0] * count
    for _, lower in edges:
        waiting[lower] += 1
    depth = [0] * count
    ready = [node for node in range(count) if not waiting[node]]
    for node in ready:
        for lower in after[node]:
            depth[lower] = max(depth[lower], depth[node] + 1)
            waiting[lower] -= 1
            if not waiting[lower]:
                ready.append(lower)
    return depth


def _ordered(layers: Layers) -> tuple[tuple[int, ...], ...]:
    steps = layers.steps()
    above, below = _after([step[::-1] for step in steps]), _after(steps)
    rows = [list(row) for row in layers.rows]
    best, fewest = layers.rows, count_crossings(rows, steps)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for layer in range(len(rows)) if down else reversed(range(len(rows))):
            beside = layer - 1 if down else layer + 1
            if 0 <= beside < len(rows):
                rows[layer] = _by_barycentre(rows[layer], rows[beside], neighbours)
        crossings = count_crossings(rows, steps)
        if crossings < fewest:
            best, fewest = tuple(map(tuple, rows)), crossings
    return best


def _by_barycentre(row: Sequence[int], beside: Sequence[int], neighbours: dict[int, list[int]]) -> list[int]:
    place = {node: index for index, node in enumerate(beside)}
    centre = {}
    for index, node in enumerate(row):
        found = [place[each] for each in neighbours[node]]
        centre[node] = sum(found) / len(found) if found else float(index)
    return sorted(row, key=lambda node: centre[node])


def _after(edges: Sequence[Edge]) -> dict[int, list[int]]:
    after: dict[int, list[int]] = defaultdict(list)
    for start, end in edges:
        after[start].append(end)
    return after
