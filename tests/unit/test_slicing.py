"""With − without, against its definition."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.errors import TestsError, UsageError
from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord, Outcome, TestRecord
from meterize.model.plan import Selection
from meterize.model.slice import size
from meterize.slicing import select_tests, slice_feature

F = CodeId(file="p/m.py", qualname="f", first_line=1)
G = CodeId(file="p/m.py", qualname="g", first_line=9)

Masks = dict[CodeId, int]


def run(tests: Mapping[str, Masks], outside: Masks | None = None, skipped: Mapping[str, Masks] | None = None) -> CoverageRecord:
    records = [TestRecord(id=name, outcome=Outcome.PASSED, executed=masks) for name, masks in tests.items()]
    records += [TestRecord(id=name, outcome=Outcome.SKIPPED, executed=masks) for name, masks in (skipped or {}).items()]
    return CoverageRecord(command="pytest", tests=tuple(records), outside=outside or {}, exit_code=0, seconds=0.0)


def test_what_all_feature_tests_run_and_nothing_of_the_rest_is_the_intersection() -> None:
    with_run = run({"a": {F: 0b1111, G: 0b1}, "b": {F: 0b1101}})
    without_run = run({"c": {F: 0b0001}}, outside={F: 0b1000})
    found = slice_feature(with_run, without_run)
    assert found.intersection == {F: 0b0100}
    assert found.union == {F: 0b0110, G: 0b1}
    assert found.by_test == {"a": {F: 0b0110, G: 0b1}, "b": {F: 0b0100}}


def test_the_feature_runs_own_fixtures_take_nothing_away() -> None:
    found = slice_feature(run({"a": {F: 1}}, outside={F: 1}), run({"c": {G: 1}}))
    assert found.intersection == {F: 1}


def test_skipped_tests_take_no_part() -> None:
    found = slice_feature(run({"a": {F: 3}}, skipped={"s": {}}), run({"c": {G: 1}}, skipped={"t": {F: 1}}))
    assert found.intersection == {F: 3}
    assert list(found.by_test) == ["a"]


def test_a_feature_test_with_nothing_of_its_own_empties_the_intersection_only() -> None:
    found = slice_feature(run({"a": {F: 1}, "b": {G: 1}}), run({"c": {G: 1}}))
    assert found.intersection == {}
    assert found.union == {F: 1}
    assert found.by_test == {"a": {F: 1}, "b": {}}


def test_the_runs_of_a_repeated_test_are_one() -> None:
    again = TestRecord(id="a", outcome=Outcome.PASSED, executed={F: 0b10})
    first = run({"a": {F: 0b01}})
    repeated = CoverageRecord(command="pytest", tests=(*first.tests, again), outside={}, exit_code=0, seconds=0.0)
    found = slice_feature(repeated, run({"c": {}}))
    assert found.intersection == {F: 0b11}
    assert select_tests(repeated, run({"c": {}})).feature_tests == ("a",)


def test_with_may_run_the_whole_suite() -> None:
    found = slice_feature(run({"c": {G: 1}, "a": {F: 1, G: 1}}), run({"c": {G: 1}}))
    assert found.by_test == {"a": {F: 1}}
    assert select_tests(run({"c": {}, "a": {}}), run({"c": {}})).rest_tests == ("c",)


@pytest.mark.parametrize("rest", [{"a": {F: 1}}, {"a": {F: 1}, "b": {G: 1}}], ids=["same", "part"])
def test_the_same_tests_twice_are_refused(rest: dict[str, Masks]) -> None:
    with pytest.raises(UsageError) as raised:
        slice_feature(run({"a": {F: 1}}), run(rest))
    assert raised.value.slug == "same-selection"


@pytest.mark.parametrize("skipped", [None, {"s": {F: 1}}])
def test_a_run_without_tests_is_refused_by_name(skipped: dict[str, Masks] | None) -> None:
    with pytest.raises(TestsError, match="--without") as raised:
        slice_feature(run({"a": {F: 1}}), run({}, skipped=skipped))
    assert raised.value.slug == "no-tests"
    with pytest.raises(TestsError, match="--with ") as raised:
        slice_feature(run({}, skipped=skipped), run({"a": {F: 1}}))
    assert raised.value.slug == "no-tests"


def others(count: int) -> list[CodeId]:
    return [CodeId(file="p/o.py", qualname=f"o{number}", first_line=number) for number in range(count)]


def test_swapped_runs_are_refused_where_it_is_evident() -> None:
    feature = run({"a": {F: 1}, "b": {F: 3}})
    rest = run({code.qualname: {code: 1} for code in others(9)})
    assert slice_feature(feature, rest).intersection == {F: 1}
    with pytest.raises(UsageError, match="swapped") as raised:
        slice_feature(rest, feature)
    assert raised.value.slug == "swapped"
    assert "--without" in raised.value.hint


def test_runs_with_hardly_anything_of_their_own_are_refused_as_swapped_too() -> None:
    feature = run({"a": {F: 3}, "b": {F: 3}})
    rest = run({f"t{number}": {F: 1, **({G: 1} if number == 0 else {})} for number in range(20)})
    assert slice_feature(feature, rest).union == {F: 2}
    with pytest.raises(UsageError, match="swapped"):
        slice_feature(rest, feature)


def test_a_feature_of_many_ways_in_is_not_taken_for_swapped() -> None:
    """Many places on both sides: nothing tells which is meant."""
    one = run({code.qualname: {code: 1} for code in others(9)})
    other = run({code.qualname: {code: 2} for code in others(9)[::-1]} | {"last": {F: 1}})
    assert len(slice_feature(one, run({test.id + "'": test.executed for test in other.tests})).by_test) == 9


masks = st.dictionaries(st.sampled_from([F, G]), st.integers(0, 255), max_size=2)


@given(st.lists(masks, min_size=1, max_size=4), st.lists(masks, min_size=1, max_size=4), masks)
def test_every_instruction_is_where_the_definition_puts_it(feature: list[Masks], rest: list[Masks], outside: Masks) -> None:
    found = slice_feature(
        run({f"w{number}": executed for number, executed in enumerate(feature)}),
        run({f"r{number}": executed for number, executed in enumerate(rest)}, outside),
    )
    for code in (F, G):
        for bit in range(8):
            ran = [bool(executed.get(code, 0) >> bit & 1) for executed in feature]
            taken = any(executed.get(code, 0) >> bit & 1 for executed in (*rest, outside))
            assert bool(found.intersection.get(code, 0) >> bit & 1) == (all(ran) and not taken)
            assert bool(found.union.get(code, 0) >> bit & 1) == (any(ran) and not taken)
            for number, one in enumerate(ran):
                assert bool(found.by_test[f"w{number}"].get(code, 0) >> bit & 1) == (one and not taken)
    assert all(found.union.values())
    assert all(found.intersection.values())
    assert size(found.intersection) <= size(found.union)


def test_a_test_that_failed_where_that_is_allowed_is_neither_proof_nor_lost_to_the_rest() -> None:
    code = CodeId(file="p/m.py", qualname="f", first_line=1)

    def run(exit_code: int, *tests: tuple[str, Outcome, int]) -> CoverageRecord:
        records = tuple(TestRecord(id=name, outcome=outcome, executed={code: mask}) for name, outcome, mask in tests)
        return CoverageRecord(command="", tests=records, outside={}, exit_code=exit_code, seconds=0.0)

    with_run = run(1, ("w1", Outcome.PASSED, 0b0111), ("w2", Outcome.FAILED, 0b1000))
    without_run = run(1, ("r1", Outcome.PASSED, 0b0001), ("r2", Outcome.FAILED, 0b0010))
    assert select_tests(with_run, without_run) == Selection(feature_tests=("w1",), rest_tests=("r1", "r2"))
    assert slice_feature(with_run, without_run).union == {code: 0b0100}
    unended = run(0, ("w1", Outcome.PASSED, 0b0111), ("w2", Outcome.FAILED, 0b1000))
    assert select_tests(unended, without_run).feature_tests == ("w1", "w2"), "a killed test of a run that passed took part"
