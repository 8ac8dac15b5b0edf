"""The rest of a feature: several suites as one, without the tests that use both features."""

from __future__ import annotations

from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord, Outcome, TestRecord
from meterize.pipeline.analysis.merging import leave_out, merge

CART = CodeId(file="shop/cart.py", qualname="sell", first_line=1)
CODE = CodeId(file="shop/cart.py", qualname="count", first_line=9)


def record(command: str, *tests: str, **more: object) -> CoverageRecord:
    made = tuple(TestRecord(id=test, outcome=Outcome.PASSED, executed={CART: 1}) for test in tests)
    values: dict[str, object] = {"outside": {}, "exit_code": 0, "seconds": 1.0, **more}
    return CoverageRecord(command=command, tests=made, **values)  # type: ignore[arg-type]


def test_suites_add_up() -> None:
    rest = record("a", "t1", "t2", outside={CART: 0b01}, warnings=("one", "two"))
    other = record("b", "t3", outside={CART: 0b10, CODE: 0b1}, warnings=("two",), exit_code=5, kept_at=9.0)
    merged = merge([rest, other, record("c", kept_at=7.0)])
    assert [test.id for test in merged.tests] == ["t1", "t2", "t3"]
    assert merged.outside == {CART: 0b11, CODE: 0b1}
    assert (merged.command, merged.exit_code, merged.seconds, merged.kept_at) == ("(a) && (b) && (c)", 5, 3.0, 7.0)
    assert merged.warnings == ("one", "two")


def test_one_suite_stays_as_it_is() -> None:
    rest = record("a", "t1")
    assert merge([rest]) is rest
    assert merge([rest, record("b")]).kept_at is None


def test_a_test_of_both_features_is_not_the_others_alone() -> None:
    other = record("b", "t1", "t2", "t3", outside={CODE: 1})
    left = leave_out(other, record("a", "t0", "t2"))
    assert [test.id for test in left.tests] == ["t1", "t3"]
    assert left.outside == {CODE: 1}
