"""Which place is chosen, on small packages whose tests really run."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meterize.errors import NothingFound
from meterize.model.code import CodeId
from meterize.model.feature import Charge
from meterize.planning import Choice, choose_hook_points


def places(choice: Choice) -> list[tuple[str, int]]:
    return [(point.code.qualname, point.line) for point in choice.hook_points]


EXPORT = """
    def export(rows, kind):
        if kind == "xlsx":
            return to_xlsx(rows)
        return ",".join(rows)

    def to_xlsx(rows):
        book = _Book()
        for row in rows:
            book.add(row)
        return book.finish()

    class _Book:
        def __init__(self):
            self.rows = []
        def add(self, row):
            if not row:
                raise ValueError(row)
            self.rows.append(row)
        def finish(self):
            return [row for row in self.rows]
"""


def test_the_feature_s_own_public_function_beats_branch_and_helpers(package) -> None:
    small = package(EXPORT)
    choice = small.choose({"a": "export(['x'], 'xlsx')", "b": "export([], 'xlsx')"}, {"c": "export(['x'], 'csv')"})
    assert places(choice) == [("to_xlsx", small.line_of("book = _Book()"))]
    point = choice.hook_points[0]
    assert point.id == "d/f/1"
    assert point.covers == ("a", "b")
    assert point.digest == small.graphs[point.code].digest
    assert point.offset == small.graphs[point.code].blocks[0].hook_offset
    assert choice.uncovered == choice.warnings == ()
    assert "all 2 feature tests" in point.why


def test_one_arm_of_a_conditional_expression_is_told_from_the_other(package) -> None:
    small = package("def size(n, binary):\n    return n / (n.__index__() if binary else 1000)\n")
    choice = small.choose({"a": "size(1, True)"}, {"b": "size(1, False)"})
    assert places(choice) == [("size", 2)]
    assert choice.hook_points[0].offset != small.graphs[choice.hook_points[0].code].blocks[0].hook_offset
    assert "is shared" in choice.hook_points[0].why


def test_two_ways_in_need_two_hooks_and_one_is_enough_where_they_meet(package) -> None:
    source = """
        def load(x):
            return "load", x
        def save(x):
            return "save", x
        def other(x):
            return x
    """
    small = package(source)
    rest = {"r": "other(1)"}
    both = small.choose({"l": "load(1)", "s": "save(1)"}, rest)
    assert places(both) == [("load", 3), ("save", 5)]
    assert [point.id for point in both.hook_points] == ["d/f/1", "d/f/2"]
    assert any("2 ways in" in warning for warning in both.warnings)
    met = small.choose({"l": "load(1)", "s": "save(load(1))"}, rest)
    assert places(met) == [("load", 3)]


def test_a_test_that_passes_two_hooks_is_named(package) -> None:
    small = package("def load(x):\n    return x\ndef save(x):\n    return x\ndef other(x):\n    return x\n")
    choice = small.choose({"l": "load(1)", "s": "save(1)", "round trip": "save(load(1))"}, {"r": "other(1)"})
    assert len(choice.hook_points) == 2
    assert [warning for warning in choice.warnings if "round trip" in warning and "counts several times" in warning]


def test_feature_tests_that_use_nothing_are_counted_and_named(package) -> None:
    small = package(EXPORT)
    uses = {f"a{number}": "export(['x'], 'xlsx')" for number in range(5)}
    calls = {f"no{number}": "export(['x'], 'csv')" for number in range(5)}
    choice = small.choose({**uses, **calls}, {"c": "export(['y'], 'csv')"})
    assert choice.uncovered == ("no0", "no1", "no2", "no3", "no4")
    [warning] = choice.warnings
    assert "5 of 10 feature tests" in warning
    assert "no0, no1, no2 and 2 more" in warning
    assert choice.hook_points[0].covers == ("a0", "a1", "a2", "a3", "a4")


def test_what_most_uses_would_pass_by_is_an_accident(package) -> None:
    small = package(EXPORT)
    calls = {f"no{number}": "export(['x'], 'csv')" for number in range(2)}
    with pytest.raises(NothingFound) as raised:
        small.choose({"a": "export(['x'], 'xlsx')", **calls}, {"c": "export(['y'], 'csv')"})
    assert raised.value.slug == "hardly-unique"
    assert "1 of 3 feature tests" in raised.value.message
    assert any(" by a" in detail for detail in raised.value.details)


def test_a_place_outside_loops_beats_one_inside(package) -> None:
    small = package("""
        def render(items, wide):
            out = []
            for item in items:
                if wide:
                    out.append(item * 2)
            if wide:
                out.append("wide")
            return out
    """)
    choice = small.choose({"a": "render([1], True)"}, {"b": "render([1], False)"})
    assert places(choice) == [("render", small.line_of('"wide"'))]
    assert choice.warnings == ()


def test_a_place_in_a_loop_is_taken_where_there_is_no_other_and_said_so(package) -> None:
    small = package(
        "def render(items):\n    out = 0\n    for item in items:\n        if item:\n            out += 1\n    return out\n"
    )
    choice = small.choose({"a": "render([1, 1])"}, {"b": "render([0])"})
    assert places(choice) == [("render", 5)]
    assert ["inside a loop" in warning for warning in choice.warnings] == [True]
    assert "inside a loop" in choice.hook_points[0].why


def test_generators_and_coroutines_are_hooked_where_they_begin(package) -> None:
    small = package("""
        def pieces(n):
            for number in range(n):
                yield number
        async def fetch(n):
            return n
        def drive(coroutine):
            try:
                coroutine.send(None)
            except StopIteration as end:
                return end.value
        async def nothing():
            return 1
    """)
    choice = small.choose({"a": "list(pieces(3))", "b": "drive(fetch(1))"}, {"c": "drive(nothing()), pieces(2)"})
    for point in choice.hook_points:
        graph = small.graphs[point.code]
        assert point.offset == graph.blocks[0].hook_offset
    assert [point.code.qualname for point in choice.hook_points] == ["pieces", "fetch"]
    assert "Each iteration over it begins" in choice.hook_points[0].why
    assert "Each awaited run" in choice.hook_points[1].why


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("work", "_work"),
        ("work", "__init__"),
        ("_work", "work.<locals>.inner"),
        ("Thing.go", "_Thing.go"),
        ("_work", "<lambda>"),
    ],
)
def test_well_known_names_come_first(better: str, worse: str) -> None:
    codes = [CodeId(file="m.py", qualname=name, first_line=1) for name in (better, worse)]
    assert codes[0].obscurity < codes[1].obscurity


def test_module_and_class_bodies_are_never_hooked(package) -> None:
    small = package("""
        def lazy():
            class Made:
                made = 1
            return Made
        def other():
            return 2
    """)
    feature_slice, tests = small.slice({"a": "lazy()"}, {"b": "other()"})
    assert {code.qualname for code in feature_slice.union} == {"lazy", "lazy.<locals>.Made"}
    only_class = {code: mask for code, mask in feature_slice.union.items() if code.qualname != "lazy"}
    bodies = dataclasses.replace(feature_slice, union=only_class, intersection={}, by_test={"a": only_class})
    with pytest.raises(NothingFound) as raised:
        choose_hook_points(bodies, small.graphs, feature="f", distribution="d", charge=Charge.ON_ENTRY, executed_tests=tests)
    assert raised.value.slug == "nothing-unique"
    assert "outside functions" in raised.value.message
    assert raised.value.details


@pytest.mark.parametrize("charge", Charge)
def test_data_that_decides_is_no_code(package, charge: Charge) -> None:
    small = package("TABLE = {'a': 1, 'b': 2}\ndef look(key):\n    return TABLE[key]\n")
    with pytest.raises(NothingFound) as raised:
        small.choose({"a": "look('a')"}, {"b": "look('b')"}, charge)
    assert raised.value.slug == "nothing-unique"
    assert "decided by data" in raised.value.hint
    assert raised.value.exit_code == 1


def test_code_without_a_graph_is_passed_over(package) -> None:
    small = package(EXPORT)
    feature_slice, tests = small.slice({"a": "export(['x'], 'xlsx')"}, {"c": "export(['x'], 'csv')"})
    some = {code: graph for code, graph in small.graphs.items() if code.qualname in ("export", "_Book.add")}
    choice = choose_hook_points(
        feature_slice, some, feature="f", distribution="d", charge=Charge.ON_ENTRY, executed_tests=tests
    )
    assert [point.code.qualname for point in choice.hook_points] == ["export"], "an arm of a public function, not a helper"


SUCCESS = """
    def convert(text, strict):
        number = parse(text)
        try:
            checked = check(number, strict)
        except LookupError:
            checked = 0
        return checked

    def parse(text):
        if text == "":
            return 0
        if text == "inf":
            return None
        return int(text)

    def check(number, strict):
        if strict and not number:
            raise KeyError(number)
        return number

    def other():
        return 1
"""


def test_on_success_counts_what_returns_and_nothing_that_fails(package) -> None:
    small = package(SUCCESS)
    calls = {"good": "convert('1', True)", "caught": "convert('0', True)", "bad": "convert('x', False)"}
    choice = small.choose(calls, {"r": "other()"}, Charge.ON_SUCCESS)
    assert set(places(choice)) == {("convert", small.line_of("return checked"))}
    assert {test for point in choice.hook_points for test in point.covers} == {"good", "caught"}
    assert choice.uncovered == ("bad",)
    assert "has succeeded" in choice.hook_points[0].why
    entry = small.choose(calls, {"r": "other()"}, Charge.ON_ENTRY)
    assert entry.uncovered == ()


def test_on_success_hooks_each_return_that_is_tested(package) -> None:
    small = package(SUCCESS)
    choice = small.choose({"none": "parse('')", "some": "parse('2')", "bad": "parse('x')"}, {"r": "other()"}, Charge.ON_SUCCESS)
    assert places(choice) == [("parse", small.line_of("return 0")), ("parse", small.line_of("return int"))]
    assert [point.covers for point in choice.hook_points] == [("none",), ("some",)]


def test_a_return_in_an_except_clause_is_no_success(package) -> None:
    small = package("""
        def load(x):
            try:
                return int(x)
            except ValueError:
                return None
        def other():
            return 1
    """)
    choice = small.choose({"good": "load('1')", "bad": "load('x')"}, {"r": "other()"}, Charge.ON_SUCCESS)
    assert places(choice) == [("load", small.line_of("return int(x)"))]
    assert choice.uncovered == ("bad",)


def test_a_late_failure_is_not_charged_for_its_early_success(package) -> None:
    small = package("""
        def export(rows):
            names = header(rows)
            if len(names) > 2:
                raise ValueError(names)
            return names
        def header(rows):
            return rows[:3]
        def other():
            return 1
    """)
    choice = small.choose({"good": "export([1])", "bad": "export([1, 2, 3])"}, {"r": "other()"}, Charge.ON_SUCCESS)
    assert places(choice) == [("export", small.line_of("return names"))]
    assert choice.uncovered == ("bad",)
    assert choice.warnings == ("1 of 2 feature tests begins the work without success, so that no use is charged: bad.",)


def test_on_success_of_a_branch_is_its_end(package) -> None:
    small = package("""
        def show(n, gnu):
            if gnu:
                n = n.__index__()
                n = int(n)
            return n
    """)
    choice = small.choose({"a": "show(1, True)"}, {"b": "show(1, False)"}, Charge.ON_SUCCESS)
    assert places(choice) == [("show", small.line_of("int(n)"))]


def test_on_success_says_so_where_nothing_but_failures_is_unique(package) -> None:
    small = package("def check(x):\n    if not x:\n        raise ValueError(x)\n    return x\n")
    with pytest.raises(NothingFound) as raised:
        small.choose({"a": "check(0)"}, {"b": "check(1)"}, Charge.ON_SUCCESS)
    assert raised.value.slug == "no-success-point"
    assert "on-entry" in raised.value.hint


CALLS = st.sampled_from(
    [
        "convert('1', True)",
        "convert('0', True)",
        "convert('x', False)",
        "parse('')",
        "parse('inf')",
        "check(0, True)",
        "other()",
    ]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS, min_size=1, max_size=4), st.lists(CALLS, min_size=1, max_size=4), st.sampled_from(Charge))
def test_hooks_hit_what_they_say_and_never_the_rest(package, feature: list[str], rest: list[str], charge: Charge) -> None:
    small = package(SUCCESS)
    with_calls = {f"w{number}": call for number, call in enumerate(feature)}
    without_calls = {f"r{number}": call for number, call in enumerate(rest)}
    try:
        choice = small.choose(with_calls, without_calls, charge)
    except NothingFound as error:
        if error.slug == "hardly-unique":
            own = small.slice(with_calls, without_calls)[0].by_test.values()
            hookable = sum(any(small.is_hookable(code, mask) for code, mask in executed.items()) for executed in own)
            assert 2 * hookable < len(feature) or charge is Charge.ON_SUCCESS
            return
        assert charge is Charge.ON_SUCCESS or set(feature) <= set(rest) or not small.slice(with_calls, without_calls)[0].union
        return
    with_run, without_run = small.run(with_calls), small.run(without_calls)
    for point in choice.hook_points:
        bit = 1 << (point.offset >> 1)
        assert point.covers == tuple(test.id for test in with_run.tests if test.executed.get(point.code, 0) & bit)
        assert not any(test.executed.get(point.code, 0) & bit for test in without_run.tests)
    noticed = {test for point in choice.hook_points for test in point.covers}
    assert set(choice.uncovered) == {test.id for test in with_run.tests} - noticed
