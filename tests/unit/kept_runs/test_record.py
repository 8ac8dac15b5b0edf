"""A kept run comes back as it was, and whatever is no kept run is refused."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.kept_runs.record import dump_run, load_run
from meterize.model.code import CodeId
from meterize.model.coverage import Call, CoverageRecord, Executed, Outcome, TestRecord

codes = st.builds(
    CodeId,
    file=st.text(max_size=8),
    qualname=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    first_line=st.integers(0, 9999),
)
executed: st.SearchStrategy[Executed] = st.dictionaries(codes, st.integers(0, 1 << 200), max_size=5)
calls = st.builds(Call, code=codes, count=st.integers(1, 4), callers=st.frozensets(st.none() | codes, max_size=3))
tests = st.builds(
    TestRecord,
    id=st.text(max_size=20),
    outcome=st.sampled_from(Outcome),
    executed=executed,
    calls=st.lists(calls, max_size=4).map(tuple),
)
records = st.builds(
    CoverageRecord,
    command=st.text(max_size=20),
    tests=st.lists(tests, max_size=5).map(tuple),
    outside=executed,
    exit_code=st.just(0),
    seconds=st.floats(0, 1e6),
    warnings=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)


@given(records)
def test_there_and_back(record: CoverageRecord) -> None:
    back = load_run(dump_run(record))
    assert back == record
    assert [list(test.executed) for test in back.tests] == [list(test.executed) for test in record.tests]  # in this order
    assert dump_run(back) == dump_run(record)


def _kept() -> bytes:
    name = CodeId(file="p/m.py", qualname="f", first_line=1)
    test = TestRecord(
        id="t", outcome=Outcome.PASSED, executed={name: 7}, calls=(Call(code=name, count=1, callers=frozenset()),)
    )
    return dump_run(CoverageRecord(command="c", tests=(test,), outside={}, exit_code=0, seconds=1.0))


@pytest.mark.parametrize("cut", [0, 1, 10, -1])
def test_what_was_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match=r"no kept run|cut short"):
        load_run(_kept()[:cut])


def test_more_than_one_is_refused() -> None:
    with pytest.raises(ValueError, match="not alone"):
        load_run(_kept() + b"x")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("form", 2),
        ("tests", [["t", "passed", [99], []]]),
        ("tests", [["t", "passed", [], [-7]]]),
        ("tests", [["t", "lost", [], []]]),
        ("tests", [["t", "passed"]]),
        ("tests", 3),
        ("codes", [["p/m.py", "f"]]),
        ("codes", [["p/m.py", 3, 1]]),
        ("parts", [[-1, "7"]]),
        ("parts", [[0, "g"]]),
        ("parts", [[0, 7]]),
        ("exit_code", "0"),
        ("exit_code", True),
        ("warnings", [None]),
        ("seconds", "long"),
    ],
)
def test_what_is_odd_is_refused(key: str, value: object) -> None:
    whole = json.loads(zlib.decompress(_kept()))
    assert key in whole
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says: the file is taken away
        load_run(zlib.compress(json.dumps({**whole, key: value}).encode()))


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000])
def test_other_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        load_run(zlib.compress(text))
