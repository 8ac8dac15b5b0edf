"""One feature judged by records of runs: who had to fire, who did, and the reasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from meterize.model.code import CodeId
from meterize.model.coverage import FireRecord, Outcome, TestFires
from meterize.model.feature import Charge, Policy
from meterize.model.package import Package
from meterize.model.plan import HookPlan, HookPoint, Selection, Side
from meterize.pipeline.proof.comparison import classify
from meterize.pipeline.proof.judgement import judge
from meterize.pipeline.proof.suite_pairs import Pair

P, F, S = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED
PACKAGE = Package(import_name="p", distribution="p", version="1", site=Path("/nowhere"), modules=())


def plan(hooks=("p/f/1",), feature=("u1", "u2"), rest=("r1",), covers=None, **moved):
    points = [
        HookPoint(
            id=hook, code=CodeId(file="p.py", qualname="f", first_line=1), line=1, offset=2, digest="0" * 64, why="",
            covers=feature if covers is None else covers,
        )
        for hook in hooks
    ]  # fmt: skip
    return HookPlan(
        package="p", distribution="p", version="1", interpreter="x", feature="f", charge=Charge.ON_ENTRY, policy=Policy.EVERY,
        with_command="with", without_command="without", cwd="/", intersection=1, union=1, slice_functions=(),
        selection=Selection(feature_tests=feature, rest_tests=rest, **moved), hook_points=tuple(points),
    )  # fmt: skip


def record(command, tests, outside=None):
    """Tests by id: an outcome, or uses of the first hook, or uses by hook."""
    found = []
    for test, told in tests.items():
        fires = told if isinstance(told, dict) else {"p/f/1": told} if type(told) is int and told else {}
        found.append(TestFires(id=test, outcome=told if isinstance(told, Outcome) else P, fires=fires))
    failed = any(test.outcome is F for test in found)
    return FireRecord(
        command=command, tests=tuple(found), outside=outside or {}, exit_code=int(failed), seconds=1, armed_hooks=frozenset()
    )


def pair(command, metered, untouched=None, *more):
    attempts = [(record(command, untouched or dict.fromkeys(metered, P)), record(command, metered)), *more]
    return Pair(attempts=attempts, differences=classify(command, attempts))


def verdict(with_pair, *rest, the_plan=None, problems=()):
    return judge(the_plan or plan(), "d" * 64, PACKAGE, with_pair=with_pair, rest_pairs=rest, problems=problems)


def test_passed():
    found = verdict(pair("with", {"u1": 1, "u2": 3}), pair("without", {"r1": 0}))
    assert (found.passed, found.reasons) == (True, ())
    assert (found.feature.total, found.feature.fired, found.feature.spread) == (2, 2, (1, 2, 3))
    assert found.feature.repeated == {"u2": 3}
    assert (found.rest.total, found.rest.fired, found.rest.spread) == (1, 0, None)


def test_a_feature_test_is_silent():
    found = verdict(pair("with", {"u1": 1, "u2": 0}), pair("without", {"r1": 0}))
    assert (found.passed, found.feature.odd) == (False, ("u2",))


def test_a_rest_test_fires():
    found = verdict(pair("with", {"u1": 1, "u2": 1}), pair("without", {"r1": 2}))
    assert (found.passed, found.rest.odd) == (False, ("r1",))


def test_what_both_commands_run_is_the_rest():
    found = verdict(pair("with", {"u1": 1, "r1": 0}), pair("without", {"r1": 0}))
    assert found.passed
    assert [test.id for test in found.tests] == ["r1", "u1"]


def test_the_plan_moves_tests():
    the_plan = plan(feature=("u1", "r1"), rest=("u2",), moved_to_feature=("r1",), moved_to_rest=("u2",))
    assert verdict(pair("with", {"u1": 1, "u2": 0}), pair("without", {"r1": 1}), the_plan=the_plan).passed


@pytest.mark.parametrize("told", [S, F])
def test_skipped_and_failing_tests_need_not_fire(told):
    found = verdict(pair("with", {"u1": 1, "u2": told}, {"u1": P, "u2": told}), pair("without", {"r1": 0}))
    assert found.passed
    assert found.failing_anyway == (("u2",) if told is F else ())


def test_a_failing_rest_test_must_not_fire_all_the_same():
    untouched = record("without", {"r1": F})
    fired = FireRecord(
        command="without", tests=(TestFires(id="r1", outcome=F, fires={"p/f/1": 1}),), outside={}, exit_code=1, seconds=1,
        armed_hooks=frozenset(),
    )  # fmt: skip
    found = verdict(pair("with", {"u1": 1, "u2": 1}), Pair(attempts=[(untouched, fired)]))
    assert (found.passed, found.rest.odd, found.failing_anyway) == (False, ("r1",), ("r1",))


def test_tests_that_no_hook_covers_are_excused_but_not_all_of_them():
    found = verdict(pair("with", {"u1": 1, "u2": 0}), pair("without", {"r1": 0}), the_plan=plan(covers=("u1",)))
    assert (found.passed, found.feature.excused) == (True, ("u2",))
    nobody = verdict(pair("with", {"u1": 0, "u2": 0}), pair("without", {"r1": 0}), the_plan=plan(covers=()))
    assert nobody.reasons == ("no feature test fired a hook",)
    new = verdict(pair("with", {"u1": 1, "u3": 0}), pair("without", {"r1": 0}), the_plan=plan(covers=("u1",)))
    assert new.feature.odd == ("u3",), "the plan says nothing of a new test, so it has to fire"


def test_a_group_without_tests():
    assert verdict(pair("with", {"u1": 1})).reasons == ("no rest test ran",)
    assert verdict(pair("with", {"r1": 0}), pair("without", {"r1": 0})).reasons == ("no feature test ran",)


def test_problems_and_faults_are_reasons_flaky_tests_are_not():
    found = verdict(pair("with", {"u1": 1, "u2": 1}), pair("without", {"r1": 0}), problems=["strip leaves x"])
    assert found.reasons == ("strip leaves x",)
    again = (record("with", {"u1": 1, "u2": 1}), record("with", {"u1": F, "u2": 1}))
    faulty = verdict(pair("with", {"u1": F, "u2": 1}, {"u1": P, "u2": P}, again), pair("without", {"r1": 0}))
    assert "u1 passed without hooks, failed with them" in faulty.reasons[0]
    again = (record("with", {"u1": P, "u2": P}), record("with", {"u1": 1, "u2": 1}))
    flaky = verdict(pair("with", {"u1": F, "u2": 1}, {"u1": P, "u2": P}, again), pair("without", {"r1": 0}))
    assert flaky.passed, flaky.reasons
    assert flaky.feature.uses == {"u1": 1, "u2": 1}, "the time that it came furthest counts"


def test_hooks_of_other_features_do_not_count():
    found = verdict(pair("with", {"u1": {"p/f/1": 1, "p/g/1": 5}, "u2": 1}), pair("without", {"r1": {"p/g/1": 1}}))
    assert (found.passed, found.feature.uses, found.feature.several_hooks) == (True, {"u1": 1, "u2": 1}, {})


def test_several_hooks_for_one_use_are_told():
    the_plan = plan(hooks=("p/f/1", "p/f/2"))
    found = verdict(pair("with", {"u1": {"p/f/1": 1, "p/f/2": 1}, "u2": 1}), pair("without", {"r1": 0}), the_plan=the_plan)
    assert found.feature.several_hooks == {"u1": ("p/f/1", "p/f/2")}
    assert any("several hooks" in warning for warning in found.warnings)


def test_hooked_code_in_the_untouched_run_is_told():
    leak = record("with", {"u1": 1, "u2": 1})
    found = verdict(Pair(attempts=[(leak, leak)]), pair("without", {"r1": 0}))
    assert any("hooked code where the untouched was to run" in warning for warning in found.warnings)


def test_uses_outside_any_test_are_told():
    untouched, metered = record("with", {"u1": P, "u2": P}), record("with", {"u1": 1, "u2": 1}, {"p/f/1": 2, "p/g/1": 7})
    found = verdict(Pair(attempts=[(untouched, metered)]), pair("without", {"r1": 0}))
    assert found.passed
    assert any(warning.startswith("2 uses were counted outside any test") for warning in found.warnings)


@pytest.mark.parametrize(("outside", "passed"), [(Side.REST, False), (Side.FEATURE, True)])
def test_uses_outside_the_tests_of_the_rest_are_a_fault_unless_the_plan_knows_them(outside, passed):
    untouched, metered = record("without", {"r1": P}), record("without", {"r1": 0}, {"p/f/1": 2, "p/g/1": 7})
    rest = Pair(attempts=[(untouched, metered)])
    found = verdict(pair("with", {"u1": 1, "u2": 1}), rest, the_plan=plan(outside=outside))
    assert found.passed is passed
    assert [reason.partition(",")[0] for reason in found.reasons] == ["2 uses were counted outside the rest tests"] * (
        not passed
    )
    assert any("as the plan has it" in warning for warning in found.warnings) is passed


def test_hooks_that_no_test_fires_are_told():
    found = verdict(pair("with", {"u1": 1, "u2": 1}), pair("without", {"r1": 0}), the_plan=plan(hooks=("p/f/1", "p/f/2")))
    assert found.warnings == ("no test fires p/f/2, which no process armed either",)
