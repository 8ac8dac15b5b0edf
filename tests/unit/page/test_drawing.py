"""The control flow as SVG."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from meterize.model.page import Flow, Page
from meterize.page.drawing import draw_flow, shade

from .made_pages import HOSTILE, make_page


def parse(flow: Flow) -> ElementTree.Element:
    return ElementTree.fromstring(draw_flow(flow, 1))


@pytest.mark.parametrize("word", HOSTILE)
def test_any_source_is_well_formed_and_cut(word: str) -> None:
    [flow] = make_page(word).flows
    drawn = parse(flow)
    assert float(drawn.attrib["width"]) < 1500
    assert all(len(each.text or "") <= 36 for each in drawn.iter("text"))


def test_the_hook_the_way_to_it_and_the_shares(page: Page) -> None:
    [flow] = page.flows
    drawn = parse(flow)
    groups = [each.attrib["class"].split() for each in drawn.iter("g") if "block" in each.attrib.get("class", "")]
    assert [("hooked" in classes, "dominates" in classes) for classes in groups] == [
        (False, True), (False, True), (True, True), (False, False),
    ]  # fmt: skip
    assert [classes[1] for classes in groups] == ["own-0", "own-2", "own-3", "own-5"]
    kinds = [path.attrib["class"].split()[1] for path in drawn.iter("path") if path.attrib["class"].startswith("edge")]
    assert kinds == ["usual", "usual", "back", "exception", "back"]
    assert "a use is noticed here" in (next(each for each in drawn.iter("title") if "noticed" in (each.text or "")).text or "")


def test_markers_are_those_of_this_drawing(page: Page) -> None:
    drawn = draw_flow(page.flows[0], 7)
    assert set(re.findall(r"url\(#([^)]*)\)", drawn)) <= set(re.findall(r'id="([^"]*)"', drawn))
    assert "arrow-usual-7" in drawn


def test_one_block_alone(page: Page) -> None:
    [flow] = page.flows
    assert len(list(parse(replace(flow, blocks=flow.blocks[:1], edges=())).iter("rect"))) == 1


def test_the_last_shade_is_for_the_whole_alone() -> None:
    assert [shade(share) for share in (0, 0.01, 0.25, 0.26, 0.99, 1)] == [0, 1, 1, 2, 4, 5]
