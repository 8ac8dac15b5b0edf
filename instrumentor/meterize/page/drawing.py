"""Owns the drawing of a function's control flow as SVG."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from math import ceil
from typing import Final

from meterize.model.page import Flow, FlowBlock, FlowEdge

from .layout import Box, Layout, Point, lay_out
from .markup import Markup, element, visible

_CHARACTER: Final = 6.9
"""The width of one character of 11.5 px monospace, generously."""
_LINE: Final = 16.0
_PAD: Final = 10.0
_COLUMNS: Final = 34
_MARGIN: Final = 14.0
_SHADES: Final = 5


def shade(share: float) -> int:
    """A share (0 to 1) as one of five shades, 0 for none. The last is for the whole alone: most is not all."""
    return _SHADES if share >= 1 else ceil(share * (_SHADES - 1))


def draw_flow(flow: Flow, number: int) -> Markup:
    """The flow as one ``<svg>``; ``number`` tells the drawings of a page apart."""
    labels = [_labels(block) for block in flow.blocks]
    pairs = [(edge.start, edge.end) for edge in flow.edges]
    layout = lay_out([_size(lines) for lines in labels], pairs)
    ids = f"flow-{number}-title"
    return element(
        "svg",
        element("title", f"Control flow of {flow.code.qualname}", id=ids),
        element("defs", (_arrow(number, kind) for kind in ("usual", "exception", "back"))),
        element("g", (_edge(edge, layout, number) for edge in flow.edges), class_="edges"),
        element("g", (_block(*each) for each in zip(flow.blocks, labels, layout.boxes, strict=True))),
        role="img",
        aria_labelledby=ids,
        class_="flow",
        width=ceil(layout.width + 2 * _MARGIN),
        height=ceil(layout.height + 2 * _MARGIN),
        viewBox=f"{-_MARGIN} {-_MARGIN} {ceil(layout.width + 2 * _MARGIN)} {ceil(layout.height + 2 * _MARGIN)}",
    )


def _labels(block: FlowBlock) -> list[str]:
    head = " ".join([block.lines or "–", *(f"◆{hook}" for hook in block.hooks), "↻" * block.loop_depth]).rstrip()
    return [head, *(_cut(line) for line in block.text)]


def _cut(line: str) -> str:
    """At most so many columns, as it is seen; wide characters take two."""
    kept, columns = "", 0
    for character in visible(line):
        columns += _columns(character)
        if columns > _COLUMNS:
            return f"{kept.rstrip()}…"
        kept += character
    return kept


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _size(labels: Sequence[str]) -> tuple[float, float]:
    longest = max(sum(map(_columns, line)) for line in labels)
    return max(64.0, longest * _CHARACTER + 2 * _PAD), len(labels) * _LINE + 2 * _PAD - 6


def _block(block: FlowBlock, labels: Sequence[str], box: Box) -> Markup:
    classes = ["block", f"own-{shade(block.share)}"]
    classes += ["hooked"] * bool(block.hooks) + ["dominates"] * block.dominates
    rows = (
        element("text", line, x=box.x + _PAD, y=box.y + _PAD + 6 + index * _LINE, class_="where" if index == 0 else None)
        for index, line in enumerate(labels)
    )
    frame = element("rect", x=box.x, y=box.y, width=box.width, height=box.height, rx=5)
    return element("g", element("title", _hint(block)), frame, rows, class_=" ".join(classes))


def _hint(block: FlowBlock) -> str:
    words = [f"line {block.lines}" if block.lines else "no line of its own"]
    if block.share:
        words.append(f"{round(block.share * 100)} % the feature's own, run by {block.proofs} feature tests")
    if block.hooks:
        words.append("a use is noticed here")
    elif block.dominates:
        words.append("every way to the hook leads over it")
    if block.loop_depth:
        words.append("inside a loop" if block.loop_depth == 1 else f"inside {block.loop_depth} loops")
    return "; ".join(words)


def _edge(edge: FlowEdge, layout: Layout, number: int) -> Markup:
    if edge.start == edge.end:
        box = layout.boxes[edge.start]
        right, middle = box.x + box.width, box.y + box.height / 2
        path = f"M{right:.1f} {middle - 6:.1f}c14 -6 14 18 0 12"
        kind = "back"
    else:
        points = layout.routes[edge.start, edge.end]
        path = _path(points)
        kind = "exception" if edge.exception else "back" if points[0][1] > points[-1][1] else "usual"
    return element("path", d=path, class_=f"edge {kind}", marker_end=f"url(#arrow-{kind}-{number})")


def _path(points: Sequence[Point]) -> str:
    """Upright where it passes a layer, a smooth bend between layers."""
    pieces = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        if abs(x0 - x1) < 0.5:
            pieces.append(f"L{x1:.1f} {y1:.1f}")
        else:
            bend = (y1 - y0) / 2
            pieces.append(f"C{x0:.1f} {y0 + bend:.1f} {x1:.1f} {y1 - bend:.1f} {x1:.1f} {y1:.1f}")
    return "".join(pieces)


def _arrow(number: int, kind: str) -> Markup:
    return element(
        "marker",
        element("path", d="M0 0L8 4L0 8z", class_=f"arrow {kind}"),
        id=f"arrow-{kind}-{number}",
        viewBox="0 0 8 8",
        refX=7,
        refY=4,
        markerWidth=7,
        markerHeight=7,
        orient="auto",
    )


def bar(share: float, label: str) -> Markup:
    """A small bar for a share (0 to 1)."""
    return element(
        "svg",
        element("title", label),
        element("rect", width=72, height=8, rx=4, class_="track"),
        element("rect", width=round(72 * share, 1), height=8, rx=4, class_="fill") if share else "",
        role="img",
        class_="bar",
        width=72,
        height=8,
        viewBox="0 0 72 8",
    )
