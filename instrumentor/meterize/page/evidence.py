"""Owns the evidence in words and tables: the hooks, the tests on either side, functions by score, runners-up, what was run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor
from typing import Final

from meterize.model.coverage import ENOUGH_CALLS
from meterize.model.page import Page, PageHook, PageTest, Score

from .answer import count, place, risks
from .drawing import bar
from .markup import Markup, element, join, name

_MOST_TESTS: Final = 300
_MOST_RISKS: Final = 100
_MOST_ALTERNATIVES: Final = 25


def hooks(page: Page) -> Markup:
    """Where one use is noticed, and why there."""
    return join(element("article", _hook(hook), class_="hook") for hook in page.hooks)


def _hook(hook: PageHook) -> Markup:
    fires = hook.fires
    often = [f"once in each of {count(fires.once, 'test')}"] * bool(fires.once)
    often += [f"several times in {fires.more:,}"] * bool(fires.more)
    often += [f"not known how often in {fires.unknown:,}"] * bool(fires.unknown)
    return join(
        element("h3", element("span", f"◆ {hook.number}", class_="badge"), " ", name(hook.point.code.qualname)),
        element("p", hook.point.why),
        element(
            "dl",
            _fact("where", place(hook)),
            _fact("proven by", count(len(hook.point.covers), "feature test")),
            _fact("passed by", count(hook.rest_tests, "rest test")),
            _fact("fires", ", ".join(often) or "in no test"),
            _fact("hook id", name(hook.point.id)),
            class_="facts",
        ),
    )


def _fact(what: str, value: str) -> Markup:
    return element("div", element("dt", what), element("dd", value))


def risk(page: Page) -> Markup:
    """What else could lead to a hook."""
    found = risks(page)
    if not found:
        return element("p", "Going by names, no place in the package leads to a hook that no test came from.")
    rows = (
        element("tr", element("td", name(where)), element("td", f"◆ {hook.number} ", name(hook.point.code.qualname)))
        for hook, where in found[:_MOST_RISKS]
    )
    intro = (
        "These places in the package call, or hand on, something of the same name as a hooked function. No test of the"
        " selection came to a hook from there. If one of them does, a use is counted that nobody proved to be one."
    )
    return join(
        element("p", intro), _table(("could lead", "to"), rows), _more(len(found) - _MOST_RISKS, "place", "in the plan")
    )


def scores(page: Page) -> Markup:
    """The functions by file, both by score."""
    by_file: dict[str, list[Score]] = {}
    for score in page.scores:
        by_file.setdefault(score.code.file, []).append(score)
    intro = join(
        "How strongly a function belongs to the feature: |W∩f| ∕ √(|W|·|f|), Ochiai's coefficient, where W are the feature"
        " tests and f all tests that enter the function. 1.00 means: these tests, and no others. ",
        element("em", "Own"),
        " is the share of its instructions that only feature tests execute.",
    )
    files = (
        element(
            "details",
            element("summary", name(file), element("span", count(len(inside), "function"), class_="quiet"), _best(inside)),
            _table(
                ("function", "score", "feature tests", "rest tests", "own"),
                map(_score, inside),
                numeric=(2, 3),
                class_="scores",
            ),
            open=number < 3,
        )
        for number, (file, inside) in enumerate(by_file.items())
    )
    return join(element("p", intro), files, _more(page.scored - len(page.scores), "function", "with lower scores"))


def _best(scores: Sequence[Score]) -> Markup:
    """A file is as strong as its strongest function."""
    return element("span", _coefficient(max(scores, key=lambda score: score.ochiai)), class_="best quiet")


def _coefficient(score: Score) -> Markup:
    """Rounded down: 1.00 is said only where it is true."""
    shown = f"{floor(score.ochiai * 100) / 100:.2f}"
    return join(bar(score.ochiai, f"score {shown}"), f" {shown}")


def _score(score: Score) -> Markup:
    share = score.unique / score.total if score.total else 0.0
    mark = element("span", "◆ ", class_="mark", title="a use is noticed here") if score.hooked else ""
    return element(
        "tr",
        element(
            "th", mark, name(score.code.qualname), element("span", f" {score.code.first_line}", class_="quiet"), scope="row"
        ),
        element("td", _coefficient(score), data_label="score"),
        element("td", f"{score.feature_tests:,}", class_="numeric", data_label="feature tests"),
        element("td", f"{score.rest_tests:,}", class_="numeric", data_label="rest tests"),
        element("td", bar(share, f"{share:.0%} own"), f" {score.unique:,} of {score.total:,}", data_label="own"),
        class_="hooked" if score.hooked else None,
    )


def tests(page: Page) -> Markup:
    """Both sides of the selection, what moved, and what fires more than once."""
    plan = page.plan
    moved = element("div", element("h3", "Moved, by what they execute"), element("ul", map(_item, page.moved_why)))
    several = sum(test.fires > 1 for test in page.feature_tests)
    often = f" {count(several, 'test fires', 'tests fire')} more than once, and {'is' if several == 1 else 'are'} marked ×."
    return join(
        moved if page.moved_why else "",
        element("h3", "Feature tests"),
        element(
            "p",
            f"Executed by the first command, or moved here: {count(len(page.feature_tests), 'test')}."
            f"{often if several else ''}",
            class_="quiet",
        ),
        _test_list(page.feature_tests, opened=len(page.feature_tests) <= 40),
        element("h3", "Rest tests"),
        element(
            "p",
            f"Everything else: {count(len(page.rest_tests), 'test')}; "
            f"{count(len(plan.selection.moved_to_rest), 'test')} moved here.",
            class_="quiet",
        ),
        _test_list(page.rest_tests, opened=False),
    )


def _item(sentence: str) -> Markup:
    return element("li", sentence)


def _test_list(found: Sequence[PageTest], *, opened: bool) -> Markup:
    first = sorted(found, key=lambda test: (not test.moved, -test.fires))
    rows = join(map(_test, first[:_MOST_TESTS]))
    return element(
        "details",
        element("summary", f"{count(len(found), 'test')} by name"),
        element("ul", rows, class_="tests"),
        _more(len(found) - _MOST_TESTS, "test", "in the plan"),
        open=opened,
    )


def _test(test: PageTest) -> Markup:
    marks: list[str] = [element("span", f"◆ {hook}", class_="badge") for hook in test.hooks]
    if test.fires > 1:
        marks.append(element("span", f"× {test.fires}{' or more' if test.fires >= ENOUGH_CALLS else ''}", class_="quiet"))
    if test.moved:
        marks.append(element("span", "moved here", class_="moved"))
    return element("li", name(test.id), (join(" ", mark) for mark in marks))


def alternatives(page: Page) -> Markup:
    """The runners-up and why not."""
    if not page.plan.alternatives:
        return element("p", "The plan lists no other place.")
    rows = (
        element(
            "tr",
            element(
                "th",
                element("span", f"◇ {number}", class_="badge other"),
                name(each.code.qualname),
                element("div", name(f"{each.code.file}:{each.line}"), class_="quiet"),
                scope="row",
            ),
            element("td", f"{each.feature_tests:,}", class_="numeric", data_label="feature tests"),
            element("td", f"{each.rest_tests:,}", class_="numeric", data_label="rest tests"),
            element("td", each.why_not, data_label="why not"),
        )
        for number, each in enumerate(page.plan.alternatives[:_MOST_ALTERNATIVES], 1)
    )
    left = len(page.plan.alternatives) - _MOST_ALTERNATIVES
    heads = ("place", "feature tests", "rest tests", "why not")
    return join(_table(heads, rows, numeric=(1, 2), class_="places"), _more(left, "place", "in the plan"))


def run(page: Page) -> Markup:
    """What was run, so that it can be run again."""
    plan = page.plan
    facts = (
        ("package", join(name(plan.distribution), f" {plan.version}", " (import ", name(plan.package), ")")),
        ("tests of the feature", name(plan.with_command)),
        ("tests of the rest", name(plan.without_command)),
        ("in the folder", name(plan.cwd)),
        ("a use counts", "when it begins" if plan.charge == "on-entry" else "when it has succeeded"),
        ("interpreter", name(page.interpreter)),
        ("made", f"{page.made} by {page.tool}"),
        ("plan digest", name(f"sha256:{page.plan_digest}")),
        ("code digests", join(_line(name(f"{hook.point.code.qualname} sha256:{hook.point.digest}")) for hook in page.hooks)),
    )
    return element("dl", (_fact(what, value) for what, value in facts), class_="facts wide")


def _line(content: Markup) -> Markup:
    return element("div", content)


def _table(heads: Sequence[str], rows: Iterable[Markup], *, numeric: Sequence[int] = (), class_: str | None = None) -> Markup:
    cells = (
        element("th", head, scope="col", class_="numeric" if number in numeric else None) for number, head in enumerate(heads)
    )
    return element("table", element("thead", element("tr", cells)), element("tbody", rows), class_=class_)


def _more(number: int, what: str, where: str) -> Markup:
    return element("p", f"… and {count(number, what)} more, {where}.", class_="quiet") if number > 0 else Markup("")
