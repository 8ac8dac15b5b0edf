"""Two runs compared test by test, and what a difference counts for once both were repeated."""

from __future__ import annotations

import pytest

from meterize.model.coverage import FireRecord, Outcome, TestFires
from meterize.model.verdict import Standing
from meterize.pipeline.proof.comparison import WHOLE, classify, compare

P, F, S = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED


def run(exit_code=0, outside=None, **tests):
    """A run of tests by name: an outcome, or an outcome and the warnings."""
    records = [
        TestFires(id=name, outcome=value[0], fires={}, warned=value[1])
        for name, value in ((name, value if isinstance(value, tuple) else (value, {})) for name, value in tests.items())
    ]
    return FireRecord(
        command="c",
        tests=tuple(records),
        outside={},
        exit_code=exit_code,
        seconds=0,
        armed_hooks=frozenset(),
        warned_outside=outside or {},
    )


def standings(*attempts):
    return {each.test: each.standing for each in classify("c", attempts)}


def test_alike():
    assert compare(run(a=P, b=F, c=S), run(a=P, b=F, c=S)) == {}
    assert compare(run(1, {"W: x": 1}, a=F), run(1, {"W: x": 1}, a=F)) == {}
    assert compare(run(a=P, b=P), run(b=P, a=P)) == {}, "the order is nobody's business"


@pytest.mark.parametrize("pair", [(P, F), (F, P), (P, S), (S, P), (F, S)])
def test_every_other_outcome_differs(pair):
    before, after = pair
    [found] = compare(run(a=before), run(a=after)).values()
    assert found.judged
    assert found.what == f"{before.value} without hooks, {after.value} with them"


def test_tests_that_appear_and_vanish():
    found = compare(run(a=P, b=P), run(a=P, c=P))
    assert {test: each.what for test, each in found.items()} == {"b": "runs without hooks only", "c": "runs with hooks only"}


def test_the_exit_code_is_told_where_no_test_explains_it():
    assert compare(run(0, a=P), run(3, a=P))[WHOLE].judged
    assert set(compare(run(0, a=P), run(1, a=F))) == {"a"}


@pytest.mark.parametrize(
    ("before", "after", "judged"),
    [
        ({"UserWarning: a": 1}, {"UserWarning: a": 2}, True),
        ({}, {"UserWarning: a": 1}, True),
        ({"UserWarning: a": 1}, {"DeprecationWarning: a": 1}, True),
        ({"ResourceWarning: unclosed <socket fd=7>": 1}, {}, False),
        ({}, {"PytestUnraisableExceptionWarning: Exception ignored": 2}, False),
        ({}, {"RuntimeWarning: coroutine 'x' was never awaited": 1}, False),
        ({}, {"RuntimeWarning: overflow": 1}, True),
        ({"ResourceWarning: a": 1}, {"UserWarning: a": 1}, True),
    ],
)
def test_warnings(before, after, judged):
    [found] = compare(run(a=(P, before)), run(a=(P, after))).values()
    assert found.judged is judged
    [outside] = compare(run(a=P, outside=before), run(a=P, outside=after)).items()
    assert outside == (WHOLE, found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("UserWarning: at 0x7f00aa", "UserWarning: at 0x7FE1"),
        ("UserWarning: unclosed port 51234", "UserWarning: unclosed port 1"),
        ("UserWarning: /tmp/pytest-of-me/pytest-12/x", "UserWarning: /tmp/pytest-of-me/pytest-7/x"),
    ],
)
def test_addresses_and_numbers_in_warnings_do_not_count(before, after):
    assert compare(run(a=(P, {before: 1})), run(a=(P, {after: 1}))) == {}


def test_many_warnings_make_a_short_sentence():
    [found] = compare(run(a=P), run(a=(P, {f"UserWarning: {letter * 500}": 1 for letter in "abcdefgh"}))).values()
    assert "and 5 more only with hooks" in found.what
    assert len(found.what) < 600


def test_one_attempt_has_no_flaky_tests():
    assert standings((run(a=P), run(a=P))) == {}
    assert standings((run(a=(P, {"ResourceWarning: x": 1})), run(a=P))) == {"a": Standing.INCIDENTAL}


def test_what_comes_twice_is_a_fault():
    assert standings((run(a=P, b=P), run(a=F, b=P)), (run(a=P, b=P), run(a=F, b=P))) == {"a": Standing.FAULT}
    assert standings((run(a=P), run(a=F)), (run(a=P), run(a=S))) == {"a": Standing.FAULT}
    assert standings((run(0, a=P), run(3, a=P)), (run(0, a=P), run(3, a=P))) == {WHOLE: Standing.FAULT}


@pytest.mark.parametrize(
    "attempts",
    [
        [(P, F), (P, P)],
        [(P, F), (F, F)],
        [(P, F), (F, P)],  # differs from itself without hooks
        [(P, P), (P, F)],
    ],
)
def test_what_agrees_once_or_differs_from_itself_is_flaky(attempts):
    assert standings(*((run(a=before), run(a=after)) for before, after in attempts)) == {"a": Standing.FLAKY}


def test_an_id_that_is_another_each_time_is_flaky():
    found = standings((run(a1=P), run(a2=P)), (run(a3=P), run(a4=P)))
    assert set(found) == {"a1", "a2", "a3", "a4"}
    assert set(found.values()) == {Standing.FLAKY}
