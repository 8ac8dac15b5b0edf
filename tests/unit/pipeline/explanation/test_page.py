"""The evidence for a plan, gathered from runs."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import pytest

from meterize.cpython.identity import code_id, walk
from meterize.cpython.instructions import decode
from meterize.errors import TargetError
from meterize.model.code import CodeId, mask_of
from meterize.model.coverage import Call, CoverageRecord, Outcome, TestRecord
from meterize.model.feature import Charge, Policy
from meterize.model.package import Package
from meterize.model.page import Page
from meterize.model.plan import Alternative, Fires, HookPlan, HookPoint, Selection
from meterize.pipeline.explanation.page import Found, build_page, write_page
from meterize.pipeline.explanation.proofs import count_noticed, ochiai, records_of
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.sources import PackageCode
from meterize.slicing import slice_feature

FILE = "shop/__init__.py"
SOURCE = "def pay(x):\n    return help(x)\n\n\ndef help(x):\n    return [y for y in x]\n\n\ndef look(x):\n    return x\n"
NOW = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)


class Shop:
    """A package of three functions, and tests that run whole functions."""

    def __init__(self, site: Path) -> None:
        (site / "shop").mkdir(parents=True)
        (site / FILE).write_text(SOURCE)
        package = Package(import_name="shop", distribution="shop", version="1", site=site, modules=(FILE,))
        self.code = PackageCode(package)
        self.codes = {each.co_qualname: (code_id(FILE, each), each) for _, each in walk(self.code.module(FILE))}

    def name(self, function: str) -> CodeId:
        return self.codes[function][0]

    def run(self, tests: Mapping[str, Mapping[str, int]], *, skipped: tuple[str, ...] = ()) -> CoverageRecord:
        """Tests by id: the functions that each enters, and how often (0: it was not noted)."""
        return CoverageRecord(
            command="test",
            tests=tuple(
                TestRecord(
                    id=test,
                    outcome=Outcome.SKIPPED if test in skipped else Outcome.PASSED,
                    executed={
                        self.name(each): mask_of(one.offset for one in decode(self.codes[each][1])) for each in functions
                    },
                    calls=tuple(
                        Call(code=self.name(each), count=count, callers=frozenset())
                        for each, count in functions.items()
                        if count
                    ),
                )
                for test, functions in tests.items()
            ),
            outside={},
            exit_code=0,
            seconds=0.0,
        )

    def found(self, with_run: CoverageRecord, without_run: CoverageRecord, *, fires: Fires | None = None) -> Found:
        graphs = Graphs(self.code)
        name = self.name("pay")
        graph = graphs.all([name])[name]
        feature_slice = slice_feature(with_run, without_run)
        tests = tuple(feature_slice.by_test)
        point = HookPoint(
            id="shop/pay/1", code=name, line=2, offset=graph.blocks[0].hook_offset or 0, digest="d" * 64, why="So.",
            covers=tuple(test for test, executed in feature_slice.by_test.items() if name in executed),
            fires=fires or Fires(),
        )  # fmt: skip
        plan = HookPlan(
            package="shop", distribution="shop", version="1", interpreter="cpython", feature="pay", charge=Charge.ON_ENTRY,
            policy=Policy.ONCE, with_command="a", without_command="b", cwd="/",
            selection=Selection(
                feature_tests=tests, rest_tests=tuple(t.id for t in without_run.tests if t.outcome is Outcome.PASSED),
                moved_to_feature=tests[:1],
            ),
            intersection=1, union=1, slice_functions=(), hook_points=(point,),
            alternatives=(Alternative(code=self.name("help"), line=6, feature_tests=2, rest_tests=0, why_not="It is inner."),),
        )  # fmt: skip
        runs = {"with": with_run, "without": without_run}
        return Found(plan=plan, runs=runs, feature_slice=feature_slice, graphs=graphs, code=self.code, moved_why=("Because.",))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "site")


@pytest.fixture
def page(shop: Shop) -> Page:
    with_run = shop.run({"one": {"pay": 1, "help": 1}, "two": {"pay": 3, "help": 3}, "child": {"pay": 0}, "not": {"look": 1}})
    return build_page(shop.found(with_run, shop.run({"rest": {"look": 1}, "skip": {"pay": 1}}, skipped=("skip",))), NOW)


def test_hooks(page: Page) -> None:
    [hook] = page.hooks
    assert (hook.number, hook.kind, hook.is_entry, hook.text, hook.part) == (1, "function", True, "return help(x)", "")
    assert hook.rest_tests == 0
    assert hook.fires == Fires(once=1, more=1, unknown=1)
    assert page.made == "2026-01-02 03:04 UTC"


def test_what_the_plan_says_of_fires_counts(shop: Shop) -> None:
    runs = shop.run({"one": {"pay": 1}}), shop.run({"rest": {"look": 1}})
    assert build_page(shop.found(*runs, fires=Fires(more=1)), NOW).hooks[0].fires == Fires(more=1)


def test_tests_and_what_they_fire(page: Page) -> None:
    assert [(test.id, test.hooks, test.fires, test.moved) for test in page.feature_tests] == [
        ("one", (1,), 1, True), ("two", (1,), 3, False), ("child", (1,), 0, False), ("not", (), 0, False),
    ]  # fmt: skip
    assert [(test.id, test.hooks) for test in page.rest_tests] == [("rest", ())]


def test_scores(page: Page) -> None:
    scores = {score.code.qualname: score for score in page.scores}
    assert next(iter(scores)) == "pay"
    assert (scores["pay"].feature_tests, scores["pay"].rest_tests, scores["pay"].hooked) == (3, 0, True)
    assert scores["pay"].unique == scores["pay"].total
    assert (scores["look"].feature_tests, scores["look"].rest_tests, scores["look"].unique) == (1, 1, 0)
    assert scores["pay"].ochiai == pytest.approx(3 / (4 * 3) ** 0.5)
    assert ochiai(0, 5, 3) == 0.0
    assert ochiai(3, 0, 3) == 1.0


def test_sources_are_marked(page: Page) -> None:
    assert [(source.code.qualname, source.hooked) for source in page.sources] == [("pay", True), ("help", False)]
    lines = {line.number: line for source in page.sources for line in source.lines}
    assert (lines[2].hooks, lines[2].proofs) == ((1,), 3)
    assert (lines[6].alternatives, lines[6].proofs) == ((1,), 2)
    assert [flow.code.qualname for flow in page.flows] == ["pay"]
    assert page.sliced == 2


def test_a_rest_test_that_passes_a_hook_is_counted(shop: Shop) -> None:
    found = shop.found(shop.run({"one": {"pay": 1}}), shop.run({"rest": {"look": 1}}))
    rest = shop.run({"rest": {"look": 1}, "other": {"pay": 1}})
    assert count_noticed(records_of(rest, ["rest", "other"]), found.plan) == 1
    assert count_noticed(records_of(rest, ["rest"]), found.plan) == 0


def test_reruns_of_a_test_are_one(shop: Shop) -> None:
    twice = shop.run({"one": {"pay": 1}})
    twice = CoverageRecord(command="t", tests=twice.tests * 2, outside={}, exit_code=0, seconds=0.0)
    page = build_page(shop.found(twice, shop.run({"rest": {"look": 1}})), NOW)
    assert [test.id for test in page.feature_tests] == ["one"]
    assert page.scores[0].feature_tests == 1


def test_ten_thousand_tests_are_a_matter_of_seconds(shop: Shop) -> None:
    with_run = shop.run({f"f{number}": {"pay": 1, "help": 1} for number in range(5000)})
    without_run = shop.run({f"r{number}": {"look": 1} for number in range(5000)})
    page = build_page(shop.found(with_run, without_run), NOW)
    assert page.hooks[0].fires == Fires(once=5000)


def test_a_page_is_written_whole_or_not_at_all(shop: Shop, tmp_path: Path) -> None:
    found = shop.found(shop.run({"one": {"pay": 1}}), shop.run({"rest": {"look": 1}}))
    path = tmp_path / "page.html"
    path.write_text("<!doctype html>\n<!-- A page of meterize, of before")
    write_page(found, path)
    assert "One use" in path.read_text(encoding="utf-8")
    with pytest.raises(TargetError) as raised:
        write_page(found, tmp_path / "nowhere" / "page.html")
    assert raised.value.slug == "page-unwritable"
    assert [each.name for each in tmp_path.iterdir() if each.suffix == ".html"] == ["page.html"]
