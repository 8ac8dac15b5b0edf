"""The page as a document: whole, closed, bounded, and its words."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from meterize.model.feature import Charge, Policy
from meterize.model.own_files import PAGE_BEGINS
from meterize.model.page import Page
from meterize.model.plan import Fires
from meterize.page import render_page

from .made_pages import HOSTILE, make_page, with_tests

VOID = {"meta", "link"}
KNOWN = {
    "html", "head", "title", "style", "body", "header", "main", "nav", "footer", "section", "article", "aside", "figure",
    "figcaption", "div", "span", "p", "a", "ol", "ul", "li", "dl", "dt", "dd", "h1", "h2", "h3", "strong", "em", "i", "code",
    "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg", "g", "defs", "marker", "path", "rect", "text",
} | VOID  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "rel", "href", "id", "class", "role", "aria-label", "aria-labelledby",
    "tabindex", "open", "scope", "colspan", "title", "data-label", "width", "height", "viewbox", "d", "x", "y", "rx", "refx",
    "refy", "markerwidth", "markerheight", "orient", "marker-end",
}  # fmt: skip


class Reader(HTMLParser):
    """Holds a page to what we write ourselves: known elements and attributes, properly nested."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN
        self.seen.add(tag)
        for key, value in attrs:
            assert key in ATTRIBUTES, (tag, key)
            if key == "href":
                self.links.append(value or "")
            if key == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def read(document: str) -> Reader:
    reader = Reader()
    reader.feed(document)
    reader.close()
    assert reader.open == []
    return reader


def words(page: Page) -> str:
    return re.sub(r"\s+", " ", "".join(read(render_page(page)).words))


@pytest.mark.parametrize("word", HOSTILE)
def test_no_word_from_outside_is_markup(word: str) -> None:
    document = render_page(make_page(word))
    reader = read(document)
    assert document.encode().startswith(PAGE_BEGINS)
    assert len(reader.ids) == len(set(reader.ids))
    local = {f"#{each}" for each in reader.ids}
    assert set(reader.links) <= local | {"data:,"}
    assert not {"script", "base", "iframe", "img"} & reader.seen


def test_the_policy_allows_the_style_and_nothing_else(page: Page) -> None:
    document = render_page(page)
    [style] = re.findall(r"<style>(.*?)</style>", document, re.DOTALL)
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', document)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.replace("&#x27;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert " style=" not in document
    assert "url(http" not in style
    assert "@import" not in style


def test_the_answer(page: Page) -> None:
    said = words(page)
    assert "One use is counted each time a call of shop.basket:pay gets to shop.basket:pay in line 2" in said
    assert "test proves it" in said
    assert "every test that uses the feature" in said
    entered = replace(page, hooks=(replace(page.hooks[0], is_entry=True, part=""),))
    assert "One use is counted each time the function shop.basket:pay is entered (" in words(entered)
    coroutine = replace(page, hooks=(replace(page.hooks[0], is_entry=True, kind="coroutine"),))
    assert "each time a run of the coroutine shop.basket:pay begins" in words(coroutine)
    success = replace(page, plan=replace(page.plan, charge=Charge.ON_SUCCESS))
    assert "each time a call of shop.basket:pay has succeeded: it gets as far as line 2" in words(success)
    several = replace(page, hooks=(page.hooks[0], replace(page.hooks[0], number=2)))
    assert "each time one of these 2 things happens" in words(several)


def test_the_policy_is_said_where_not_all_uses_are_counted(page: Page) -> None:
    said = "each process counts the first use only"
    assert said in words(replace(page, plan=replace(page.plan, policy=Policy.ONCE)))
    assert said not in words(replace(page, plan=replace(page.plan, policy=Policy.EVERY)))


def test_how_often(page: Page) -> None:
    def figure(**fires: int) -> str:
        return words(replace(page, hooks=(replace(page.hooks[0], fires=Fires(**fires)),)))

    assert "tests fire it exactly once23one use is one count" in figure(once=23)
    assert "test fires it exactly once1" in figure(once=1)
    assert "tests fire it exactly once194 tests fire it several times" in figure(once=19, more=4)
    assert "1 test fires it several times; in 2 tests it is not known how often" in figure(once=1, more=1, unknown=2)
    assert "tests fire it several times4in 1 test it is not known" in figure(more=4, unknown=1)
    assert "tests: how often they fire it is not known3" in figure(unknown=3)


def test_the_risk_has_its_number(page: Page) -> None:
    assert "other place could lead here" in words(page)
    safe = replace(page, hooks=(replace(page.hooks[0], point=replace(page.hooks[0].point, unproven=())),))
    assert "no known risk" in words(safe)


def test_rest_tests_that_fire_are_said_first(page: Page) -> None:
    fired = replace(page, rest_tests=(replace(page.rest_tests[0], hooks=(1,)),))
    assert "1 of the others fire it, too" in words(fired)


def test_ten_thousand_tests_and_endless_lists_stay_small(page: Page) -> None:
    many = with_tests(page, 10_000)
    point = replace(page.hooks[0].point, unproven=tuple(f"m.py:{n} f" for n in range(10_000)))
    many = replace(many, hooks=(replace(page.hooks[0], point=point),))
    many = replace(many, plan=replace(many.plan, alternatives=page.plan.alternatives * 5000))
    document = render_page(many)
    assert len(document) < 400_000
    said = words(many)
    assert "10,000 tests" in said
    assert "and 9,700 tests more" in said
    assert "and 9,900 places more" in said


def test_a_score_is_rounded_down(page: Page) -> None:
    nearly = replace(page, scores=(replace(page.scores[0], ochiai=0.9999),))
    assert "0.99" in words(nearly)
    assert " 1.00 " not in words(nearly).replace("1.00 means", "")
    assert "1.00" in words(page).replace("1.00 means", "")


def test_a_page_without_runners_up_risks_and_moves(page: Page) -> None:
    plain = replace(page, moved_why=(), plan=replace(page.plan, alternatives=(), warnings=()))
    said = words(plain)
    assert "The plan lists no other place." in said
    assert "Before you agree" not in said
    assert "Moved, by what they execute" not in said
