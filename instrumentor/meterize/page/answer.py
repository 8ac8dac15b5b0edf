"""Owns the answer at the top of the page: what one use is, who proves it, and what the risk is, in plain words."""

from __future__ import annotations

from typing import Final

from meterize.model.feature import Charge
from meterize.model.page import Page, PageHook
from meterize.model.plan import Fires

from .markup import Markup, element, join, name

_BEGINS: Final = {
    "function": "the function {} is entered",
    "generator": "an iteration over {} begins",
    "coroutine": "a run of the coroutine {} begins",
    "async-generator": "an iteration over {} begins",
}


def count(number: int, one: str, many: str = "") -> str:
    """``1 test``, ``1,024 tests``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def answer(page: Page) -> Markup:
    """The answer and the four figures under it."""
    return join(
        element("p", "What exactly is charged for", class_="eyebrow"),
        element("h1", name(page.plan.feature), " in ", name(page.plan.distribution), " ", page.plan.version, id="answer"),
        _one_use(page),
        _policy(page),
        element("dl", _figures(page), class_="figures"),
        _warnings(page),
    )


def what_happens(hook: PageHook, charge: Charge) -> Markup:
    """The event that is one use, to go behind "each time"."""
    function = name(hook.point.code.qualname)
    if charge is Charge.ON_SUCCESS:
        return join("a call of ", function, f" has succeeded: it gets as far as line {hook.point.line}, ", name(hook.text))
    if hook.is_entry:
        before, _, after = _BEGINS[hook.kind].partition("{}")
        return join(before, function, after)
    if hook.part:
        arm = ("a call of ", function, " gets to ", name(hook.part), f" in line {hook.point.line}, ", name(hook.text))
        return join(arm)
    return join("a call of ", function, f" gets to line {hook.point.line}, ", name(hook.text))


def place(hook: PageHook) -> Markup:
    """Where it stands, as a link to its source."""
    return element("a", name(f"{hook.point.code.file}:{hook.point.line}"), href=f"#hook-{hook.number}")


def _one_use(page: Page) -> Markup:
    feature = element("strong", "One use")
    if len(page.hooks) == 1:
        [hook] = page.hooks
        return element("p", feature, " is counted each time ", what_happens(hook, page.plan.charge), " (", place(hook), ").",
                       class_="lead")  # fmt: skip
    ways = (element("li", what_happens(hook, page.plan.charge), " (", place(hook), ")") for hook in page.hooks)
    return join(
        element("p", feature, f" is counted each time one of these {len(page.hooks)} things happens:", class_="lead"),
        element("ol", *ways, class_="lead ways"),
    )


def _policy(page: Page) -> Markup:
    """What of that is counted, if not all."""
    policy = page.plan.policy
    if not policy.counted:
        return Markup("")
    counted = f"By this plan's policy, {policy}, each process counts {policy.counted} only."
    return element("p", f"{counted} With the policy every, all are counted.")


def _figures(page: Page) -> list[Markup]:
    feature, rest = page.feature_tests, page.rest_tests
    proven = sum(bool(test.hooks) for test in feature)
    fired = sum(bool(test.hooks) for test in rest)
    risk = len(risks(page))
    proof = (
        f"of {count(len(feature), 'test')} that use the feature"
        if proven < len(feature)
        else "every test that uses the feature"
    )
    others = f"; {fired:,} of the others fire it, too" if fired else " of everything else: no use is counted in them"
    return [
        _figure(f"{proven:,}", "test proves it" if proven == 1 else "tests prove it", proof, "good" if proven else "bad"),
        _figure(
            f"{len(rest) - fired:,}",
            "other test does not fire it" if len(rest) - fired == 1 else "other tests do not fire it",
            (f"of {len(rest):,}" if fired else "") + others,
            "bad" if fired else "good",
        ),
        _how_often(page),
        _figure(
            f"{risk:,}",
            "other place could lead here" if risk == 1 else "other places could lead here",
            "going by names, though no test shows it: the risk to charge for something else"
            if risk
            else "going by names, nothing else in the package leads here: no known risk to charge for something else",
            "warn" if risk else "good",
            link="#risk" if risk else None,
        ),
    ]


def _how_often(page: Page) -> Markup:
    fires = page.hooks[0].fires if len(page.hooks) == 1 else _together(page)
    several = f"{'fires' if fires.more == 1 else 'fire'} it several times"
    unknown = f"how often {'it fires' if fires.unknown == 1 else 'they fire'} it is not known"
    if fires.once:
        number, what = fires.once, f"{'test fires' if fires.once == 1 else 'tests fire'} it exactly once"
        rest = [f"{count(fires.more, 'test')} {several}"] * bool(fires.more)
    elif fires.more:
        number, what, rest = fires.more, f"{'test' if fires.more == 1 else 'tests'} {several}", []
    else:
        return _figure(f"{fires.unknown:,}", f"{'test' if fires.unknown == 1 else 'tests'}: {unknown}", "", "warn")
    rest += [f"in {count(fires.unknown, 'test')} it is not known how often"] * bool(fires.unknown)
    is_good = bool(fires.once) and not fires.more and not fires.unknown
    return _figure(f"{number:,}", what, "; ".join(rest) or "one use is one count" * is_good, "good" if is_good else "warn")


def _together(page: Page) -> Fires:
    """Of several hooks: a test that passes two of them fires twice."""
    uses = [test.fires for test in page.feature_tests if test.hooks]
    return Fires(once=uses.count(1), more=sum(each > 1 for each in uses), unknown=uses.count(0))


def _figure(number: str, what: str, more: str, mood: str, link: str | None = None) -> Markup:
    value: str = element("a", number, href=link) if link else number
    return element("div", element("dt", what), element("dd", value, class_="number"), element("dd", more), class_=mood)


def risks(page: Page) -> list[tuple[PageHook, str]]:
    """Each place that could lead to a hook though no test shows it."""
    return [(hook, where) for hook in page.hooks for where in hook.point.unproven]


def _warnings(page: Page) -> Markup:
    if not page.plan.warnings:
        return Markup("")
    return element(
        "aside",
        element("h2", "Before you agree"),
        element("ul", (element("li", warning) for warning in page.plan.warnings)),
        aria_label="Before you agree",
    )
