"""Owns where a graph's boxes stand and how its edges run, from layers and sizes; all lengths in pixels.

Within a layer each box wants to stand below (or above) the middle of its neighbours. The places that come nearest to all
wishes and keep order and distance are an isotonic regression, which pooling adjacent violators solves exactly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

from .layers import Edge, Layers, find_layers

Point: TypeAlias = tuple[float, float]

_GAP: Final = 28.0
_EDGE_GAP: Final = 16.0
_LAYER_GAP: Final = 34.0
_PORT: Final = 14.0
_SWEEPS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The boxes in the order of the nodes; the points that each edge passes, from its start to its end."""

    boxes: tuple[Box, ...]
    routes: dict[Edge, tuple[Point, ...]]
    width: float
    height: float


def lay_out(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """A layered drawing of a graph whose node 0 is the entry; ``sizes`` are widths and heights. No boxes overlap."""
    layers = find_layers(len(sizes), edges)
    widths = [width for width, _ in sizes] + [0.0] * (_node_count(layers) - len(sizes))
    centres = _centres(layers, widths, len(sizes))
    left = min((centres[node] - width / 2 for node, width in enumerate(widths)), default=0.0)
    centres = {node: centre - left for node, centre in centres.items()}
    tops, bands, height = _tops(layers, sizes)
    boxes = tuple(
        Box(x=centres[node] - width / 2, y=tops[node], width=width, height=tall) for node, (width, tall) in enumerate(sizes)
    )
    routes = _routes(layers, boxes, centres, bands)
    width = max((centres[node] + width / 2 for node, width in enumerate(widths)), default=0.0)
    return Layout(boxes=boxes, routes=routes, width=width, height=height)


def _node_count(layers: Layers) -> int:
    return sum(map(len, layers.rows))


def _tops(
    layers: Layers, sizes: Sequence[tuple[float, float]]
) -> tuple[dict[int, float], dict[int, tuple[float, float]], float]:
    """The upper edge of each box, the band (from, to) that a step passes upright, and the height of all."""
    tops: dict[int, float] = {}
    bands: dict[int, tuple[float, float]] = {}
    y = 0.0
    for row in layers.rows:
        tall = max((sizes[node][1] for node in row if node < len(sizes)), default=0.0)
        for node in row:
            if node < len(sizes):
                tops[node] = y + (tall - sizes[node][1]) / 2
            else:
                bands[node] = (y, y + tall)
        y += tall + _LAYER_GAP
    return tops, bands, y - _LAYER_GAP


def _centres(layers: Layers, widths: Sequence[float], count: int) -> dict[int, float]:
    steps = layers.steps()
    above, below = _weighted([(lower, upper) for upper, lower in steps], count), _weighted(steps, count)
    centres: dict[int, float] = {}
    for row in layers.rows:
        x = 0.0
        for left, node in zip((None, *row), row, strict=False):
            x += 0.0 if left is None else _distance(left, node, widths, count)
            centres[node] = x
    for sweep in range(_SWEEPS + 1):
        down = sweep % 2 == 0
        sides = (above, below) if sweep == _SWEEPS else (above,) if down else (below,)
        for row in layers.rows if down else reversed(layers.rows):
            _settle(row, centres, sides, widths, count)
    return centres


def _weighted(steps: Sequence[Edge], count: int) -> dict[int, list[tuple[int, float]]]:
    """The neighbours of each node and how much it wants to be in line with them: long edges should be straight."""
    found: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for start, end in steps:
        found[start].append((end, 1.0 if start < count and end < count else 2.0 if min(start, end) < count else 8.0))
    return found


def _distance(left: int, right: int, widths: Sequence[float], count: int) -> float:
    gap = _GAP if left < count and right < count else _EDGE_GAP
    return (widths[left] + widths[right]) / 2 + gap


def _settle(
    row: Sequence[int],
    centres: dict[int, float],
    sides: Sequence[Mapping[int, list[tuple[int, float]]]],
    widths: Sequence[float],
    count: int,
) -> None:
    """Move a layer's nodes as near to their wishes as order and distance allow."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + _distance(left, right, widths, count))
    pools: list[tuple[float, float, int]] = []  # weighted sum, weight, number of nodes
    for node, offset in zip(row, offsets, strict=True):
        wishes = [(centres[other], weight) for side in sides for other, weight in side.get(node, ())]
        weight = sum(each for _, each in wishes) or 0.1
        wish = sum(centre * each for centre, each in wishes) / weight if wishes else centres[node]
        pool = ((wish - offset) * weight, weight, 1)
        while pools and pools[-1][0] / pools[-1][1] > pool[0] / pool[1]:
            before = pools.pop()
            pool = (before[0] + pool[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    settled = [total / weight for total, weight, nodes in pools for _ in range(nodes)]
    for node, place, offset in zip(row, settled, offsets, strict=True):
        centres[node] = place + offset


def _routes(
    layers: Layers, boxes: Sequence[Box], centres: Mapping[int, float], bands: Mapping[int, tuple[float, float]]
) -> dict[Edge, tuple[Point, ...]]:
    leaving, entering = _ports(layers, boxes, centres, from_above=False), _ports(layers, boxes, centres, from_above=True)
    routes: dict[Edge, tuple[Point, ...]] = {}
    for edge, route in layers.routes.items():
        upper, lower = boxes[route[0]], boxes[route[-1]]
        points = (
            (leaving[edge], upper.y + upper.height),
            *((centres[node], y) for node in route[1:-1] for y in bands[node]),
            (entering[edge], lower.y),
        )
        routes[edge] = points[::-1] if edge in layers.turned else points
    return routes


def _ports(layers: Layers, boxes: Sequence[Box], centres: Mapping[int, float], *, from_above: bool) -> dict[Edge, float]:
    """Where each edge meets the upper or the lower side of its box: side by side, in the order of where it goes."""
    at: dict[int, list[tuple[float, Edge]]] = defaultdict(list)
    for edge, route in layers.routes.items():
        node, neighbour = (route[-1], route[-2]) if from_above else (route[0], route[1])
        at[node].append((centres[neighbour], edge))
    ports: dict[Edge, float] = {}
    for node, meeting in at.items():
        gap = min(_PORT, boxes[node].width * 0.8 / len(meeting))
        for index, (_, edge) in enumerate(sorted(meeting)):
            ports[edge] = centres[node] + (index - (len(meeting) - 1) / 2) * gap
    return ports
