"""Several runs as one: what was executed every time proves, what flickers is nobody's own."""

from __future__ import annotations

from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import Call, CoverageRecord, Outcome, TestRecord
from meterize.pipeline.analysis.stability import take_together
from meterize.slicing import slice_feature

F = CodeId(file="p/m.py", qualname="f", first_line=1)
G = CodeId(file="p/m.py", qualname="g", first_line=5)


def _test(name: str, executed: dict[CodeId, InstructionMask], outcome: Outcome = Outcome.PASSED) -> TestRecord:
    calls = tuple(Call(code=code, count=1, callers=frozenset()) for code in executed)
    return TestRecord(id=name, outcome=outcome, executed=executed, calls=calls)


def _run(*tests: TestRecord, outside: dict[CodeId, InstructionMask] | None = None) -> CoverageRecord:
    return CoverageRecord(command="c", tests=tests, outside=outside or {}, exit_code=0, seconds=1.0, warnings=("odd",))


def test_what_flickers() -> None:
    whole = take_together(
        "with",
        [
            _run(_test("a", {F: 0b111, G: 1}), _test("b", {G: 1}), outside={F: 0b1000}),
            _run(_test("b", {G: 1}), _test("a", {F: 0b110}), outside={G: 0b10}),
            _run(_test("a", {F: 0b1011}, Outcome.FAILED)),
        ],
    )
    a, b = whole.tests
    assert (a.id, a.executed, a.flickers, a.outcome) == ("a", {F: 0b10}, {F: 0b1101, G: 1}, Outcome.FAILED)
    assert [call.code for call in a.calls] == [F]
    assert (b.id, b.executed, b.flickers) == ("b", {G: 1}, {})
    assert whole.outside == {F: 0b1000, G: 0b10}
    assert whole.seconds == 3.0
    assert whole.warnings == (
        "odd",
        "with: 1 of 2 tests do not execute the same in each of 3 orders; what flickers proves no feature (a)",
    )


def test_nothing_flickers() -> None:
    run = _run(_test("a", {F: 0b111}))
    assert take_together("with", [run, run]).tests == run.tests
    assert take_together("with", [run, run]).warnings == ("odd",)


def test_what_flickers_in_the_rest_is_not_the_features() -> None:
    with_run = _run(_test("a", {F: 0b111}))
    rest = take_together("without", [_run(_test("r", {F: 0b001})), _run(_test("r", {F: 0b011}))])
    assert slice_feature(with_run, rest).union == {F: 0b100}
