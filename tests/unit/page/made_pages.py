"""Pages made by hand, as hostile as one likes."""

from __future__ import annotations

from dataclasses import replace

from meterize.model.code import CodeId
from meterize.model.feature import Charge, Policy
from meterize.model.page import Flow, FlowBlock, FlowEdge, Page, PageHook, PageLine, PageSource, PageTest, Score, Span
from meterize.model.plan import Alternative, Fires, HookPlan, HookPoint, Selection

HOSTILE = (
    "</script><script>alert(1)</script>",
    "</style><b>bold</b>",
    "<!-- --> ]]> <![CDATA[",
    "\"' onmouseover=alert(1) x='\"",
    "&lt;already&gt; &amp; &#60;",
    "javascript:alert(1)",
    "nul \0 bell \a escape \x1b[31m delete \x7f next \x85",
    "right to left \u202e gnp.exe \u2066 isolate \u2069 mark \u200f",
    "nothing \u200b\u2060\ufeff\u00ad to see, \u2028 lines \u2029",
    "lone \ud800 surrogate, \udc80 bytes",
    "naïve 日本語 \U0001f600 עברית عربي",
    "line\nbreak\ttab\rreturn",
    "x" * 100_000,
    "",
)


def make_page(word: str) -> Page:
    """A page on which every text from outside is ``word``."""
    code = CodeId(file=word, qualname=word, first_line=1)
    point = HookPoint(
        id=word, code=code, line=2, offset=2, digest="d" * 64, why=word, covers=(word,), fires=Fires(once=1), unproven=(word,)
    )
    plan = HookPlan(
        package=word, distribution=word, version=word, interpreter=word, feature=word, charge=Charge.ON_ENTRY,
        policy=Policy.ONCE, with_command=word, without_command=word, cwd=word,
        selection=Selection(feature_tests=(word,), rest_tests=("rest",), moved_to_feature=(word,)),
        intersection=1, union=1, slice_functions=(word,), hook_points=(point,), warnings=(word,),
        alternatives=(Alternative(code=code, line=3, feature_tests=1, rest_tests=0, why_not=word),),
    )  # fmt: skip
    hook = PageHook(
        number=1, point=point, kind="function", is_entry=False, text=word, part=word, fires=point.fires, rest_tests=0
    )
    lines = tuple(
        PageLine(number=number, spans=(Span(text="  ", proofs=0), Span(text=word, proofs=number % 2, ran=number != 9)),
                 proofs=number % 2, hooks=(1,) * (number == 3), alternatives=(1,) * (number == 5))
        for number in (1, 3, 5, 9)
    )  # fmt: skip
    blocks = tuple(
        FlowBlock(lines=str(n), text=(word,), share=n / 3, proofs=n, hooks=(1,) * (n == 2), dominates=n != 3, loop_depth=n % 2)
        for n in range(4)
    )
    edges = tuple(
        FlowEdge(start=start, end=end, exception=exception)
        for start, end, exception in [(0, 1, False), (1, 2, False), (2, 1, False), (1, 3, True), (3, 3, False)]
    )
    return Page(
        plan=plan, plan_digest="e" * 64, made="2026-01-02 03:04 UTC", tool="meterize 1", interpreter=word, hooks=(hook,),
        scores=(Score(code=code, feature_tests=1, rest_tests=0, ochiai=1.0, unique=3, total=4, hooked=True),), scored=1,
        sources=(PageSource(code=code, lines=lines, hooked=True),), sliced=1,
        flows=(Flow(code=code, blocks=blocks, edges=edges, left_out=2),),
        feature_tests=(PageTest(id=word, hooks=(1,), fires=1, moved=True),),
        rest_tests=(PageTest(id="rest", hooks=(), fires=0, moved=False),), moved_why=(word,),
    )  # fmt: skip


def with_tests(page: Page, count: int) -> Page:
    """The same with so many tests on either side."""
    feature = tuple(PageTest(id=f"tests/test_{n}.py::test", hooks=(1,), fires=n % 3, moved=n % 7 == 0) for n in range(count))
    rest = tuple(PageTest(id=f"tests/rest_{n}.py::test", hooks=(), fires=0, moved=False) for n in range(count))
    return replace(page, feature_tests=feature, rest_tests=rest)
