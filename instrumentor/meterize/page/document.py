"""Owns the document: the order of the sections, the head, and what a browser may do with it, which is nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from meterize.model.own_files import PAGE_BEGINS
from meterize.model.page import Flow, Page

from . import evidence
from .answer import answer, count
from .drawing import draw_flow
from .markup import Markup, element, join, name, text
from .source import sources


def render_page(page: Page) -> str:
    """The page as UTF-8 can write it: one file, without script, that loads nothing."""
    title = f"{page.plan.feature} in {page.plan.distribution} {page.plan.version}: what is charged for"
    sections = (
        ("hooks", "Where a use is noticed", evidence.hooks(page)),
        ("source", "The feature in the source", sources(page)),
        ("flow", "How control gets there", _flows(page)),
        ("risk", "What else could lead here", evidence.risk(page)),
        ("tests", "The tests that prove it", evidence.tests(page)),
        ("scores", "Which functions belong to the feature", evidence.scores(page)),
        ("alternatives", "Places that were not chosen", evidence.alternatives(page)),
        ("run", "What was run", evidence.run(page)),
    )
    links = (element("li", element("a", heading, href=f"#{key}")) for key, heading, _ in sections)
    body = join(
        element("a", "Skip to the answer", href="#answer", class_="skip"),
        element("header", answer(page)),
        element("nav", element("ol", links), aria_label="Contents"),
        element("main", (_section(*section) for section in sections)),
        element(
            "footer", f"Made {page.made} by {page.tool}. This page is complete in itself: it loads nothing and runs nothing."
        ),
    )
    return f"{PAGE_BEGINS.decode()} -->\n" + element("html", _head(title), element("body", body), lang="en") + "\n"


def _head(title: str) -> Markup:
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return element(
        "head",
        Markup('<meta charset="utf-8">'),
        _meta(http_equiv="Content-Security-Policy", content=policy),
        _meta(name="viewport", content="width=device-width, initial-scale=1"),
        _meta(name="color-scheme", content="light dark"),
        _meta(name="referrer", content="no-referrer"),
        element("title", title),
        Markup('<link rel="icon" href="data:,">'),
        element("style", Markup(style)),
    )


def _meta(**attributes: str) -> Markup:
    return Markup("<meta" + "".join(f' {key.replace("_", "-")}="{text(value)}"' for key, value in attributes.items()) + ">")


@cache
def _style() -> str:
    return files(__package__).joinpath("style.css").read_text(encoding="utf-8")


def _section(key: str, heading: str, content: Markup) -> Markup:
    return element("section", element("h2", heading, id=f"{key}-heading"), content, id=key, aria_labelledby=f"{key}-heading")


def _flows(page: Page) -> Markup:
    intro = (
        "Each box is a stretch of code that runs as a whole, with its lines. The darker, the more of it is the feature's own."
        " Boxes with a strong frame lie on every way to the hook."
    )
    keys = element(
        "p",
        element("span", "→ goes on", class_="key usual"),
        element("span", "⇢ on an exception", class_="key exception"),
        element("span", "↑ back, in a loop", class_="key back"),
        element("span", "◆ a use is noticed here", class_="key mark"),
        class_="legend",
    )
    return join(element("p", intro), keys, (_flow(flow, number) for number, flow in enumerate(page.flows, 1)))


def _flow(flow: Flow, number: int) -> Markup:
    path = " → ".join(block.lines for block in flow.blocks if block.dominates and block.lines)
    left = f"{count(flow.left_out, 'block')} farther away are not drawn. " if flow.left_out else ""
    return element(
        "figure",
        element(
            "div",
            draw_flow(flow, number),
            class_="scroll",
            tabindex=0,
            role="region",
            aria_label=f"Control flow of {flow.code.qualname}",
        ),
        element("figcaption", name(flow.code.qualname), f" {left}", f"Every way to the hook leads over line {path}."),
    )
