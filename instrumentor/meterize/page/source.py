"""Owns the source on the page: coloured by proof, with hooks and runners-up marked."""

from __future__ import annotations

from meterize.model.page import Page, PageLine, PageSource, Span

from .answer import count
from .drawing import shade
from .markup import Markup, element, join, name


def sources(page: Page) -> Markup:
    """The functions that hold the feature's own code; hooked ones are open."""
    total = len(page.feature_tests)
    anchored: set[int] = set()
    parts = [_source(source, total, anchored) for source in page.sources]
    more = page.sliced - len(page.sources)
    rest = element("p", f"Functions with code of the feature's own in all: {page.sliced:,}.", class_="quiet")
    return join(_legend(total), parts, rest if more > 0 else "")


def _legend(total: int) -> Markup:
    keys = (element("i", class_=f"swatch own-{level}") for level in range(1, 6))
    return element(
        "p",
        "Code that only feature tests run: ",
        element("span", *keys, class_="scale"),
        f" by few … by all {total:,} of them (the last colour). The number beside a line counts them. ",
        element("span", "◆", class_="mark"),
        " a use is noticed here. ",
        element("span", "◇", class_="mark other"),
        " a runner-up. Plain text is shared with the rest; ",
        element("span", "pale", class_="idle"),
        " text was run by no test.",
        class_="legend",
    )


def _source(source: PageSource, total: int, anchored: set[int]) -> Markup:
    own = sum(bool(line.proofs) for line in source.lines)
    rows: list[Markup] = []
    before = source.lines[0].number - 1 if source.lines else 0
    for line in source.lines:
        if line.number > before + 1:
            rows.append(_gap(line.number - before - 1))
        rows.append(_line(line, total, anchored))
        before = line.number
    table = element("table", element("tbody", rows), class_="source")
    return element(
        "details",
        element(
            "summary",
            name(source.code.qualname),
            element("span", f"{source.code.file}:{source.code.first_line}", class_="quiet"),
            element("span", f"{count(own, 'line')} own", class_="quiet"),
        ),
        element("div", table, class_="scroll", tabindex=0, role="region", aria_label=f"Source of {source.code.qualname}"),
        open=source.hooked,
    )


def _gap(lines: int) -> Markup:
    return element("tr", element("td", f"⋯ {count(lines, 'line')}", colspan=4), class_="gap")


def _line(line: PageLine, total: int, anchored: set[int]) -> Markup:
    fresh = [number for number in line.hooks if number not in anchored]
    anchored.update(fresh)
    marks = [element("span", f"◆{n}", class_="mark", id=f"hook-{n}" if n in fresh else None) for n in line.hooks]
    marks += [element("span", f"◇{n}", class_="mark other") for n in line.alternatives]
    proofs = element("span", f"{line.proofs:,}", title=f"run by {line.proofs:,} of {count(total, 'feature test')}")
    return element(
        "tr",
        element("td", marks),
        element("td", proofs if line.proofs else "", class_="proofs"),
        element("td", str(line.number), class_="number"),
        element("td", (_span(span, total) for span in line.spans)),
        class_="hooked" if line.hooks else None,
    )


def _span(span: Span, total: int) -> Markup | str:
    if not span.ran:
        return element("span", span.text, class_="idle")
    return element("span", span.text, class_=f"own-{shade(span.proofs / total)}") if span.proofs and total else span.text
