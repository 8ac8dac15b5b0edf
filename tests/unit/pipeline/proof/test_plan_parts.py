"""What differs between the plan that a verdict is of and the one in force."""

from __future__ import annotations

import dataclasses

import pytest

from meterize.model.code import CodeId
from meterize.model.feature import Charge, Guidance, Policy
from meterize.model.manifest import MeteredPlan
from meterize.model.plan import HookPlan, HookPoint, Selection
from meterize.pipeline.proof.plan_parts import describe_difference, parts_of
from meterize.plan_file import digest_plan, render_plans

POINT = HookPoint(
    id="shop/net/1", code=CodeId(file="shop/a.py", qualname="net", first_line=1), line=2, offset=4, digest="a" * 64,
    why="it is", covers=("t1",),
)  # fmt: skip
PLAN = HookPlan(
    package="shop", distribution="shop", version="1.0", interpreter="cpython-312", feature="net", charge=Charge.ON_ENTRY,
    policy=Policy.ONCE, with_command="a", without_command="b", cwd="/", slice_functions=(), hook_points=(POINT,),
    selection=Selection(feature_tests=("t1", "t2"), rest_tests=("r1",)), intersection=1, union=2,
)  # fmt: skip


def in_force(plan: HookPlan) -> MeteredPlan:
    return MeteredPlan(
        feature=plan.feature, policy=plan.policy, plan_digest=digest_plan(plan), plan_path="p", hook_points=plan.hook_points,
        plan_text=render_plans((plan,)),
    )  # fmt: skip


CHANGES = {
    "policy (once then, every now)": {"policy": Policy.EVERY},
    "charge (on-entry then, on-success now)": {"charge": Charge.ON_SUCCESS},
    "version (1.0 then, 1.1 now)": {"version": "1.1"},
    "commands": {"with_command": "c"},
    "guidance": {"guidance": Guidance(max_hooks=1)},
    "places": {"hook_points": (dataclasses.replace(POINT, offset=6),)},
    "tests": {"selection": Selection(feature_tests=("t1",), rest_tests=("r1",))},
    "explanation": {"warnings": ("take care",)},
    "policy (once then, every now), places": {
        "policy": Policy.EVERY, "hook_points": (dataclasses.replace(POINT, digest="b" * 64),),
    },
}  # fmt: skip


@pytest.mark.parametrize("words", CHANGES)
def test_what_differs_is_said_part_by_part(words: str) -> None:
    changed = dataclasses.replace(PLAN, **CHANGES[words])
    assert describe_difference(parts_of(in_force(PLAN)), parts_of(in_force(changed))) == words


def test_why_and_line_are_explanation_and_the_folder_is_nothing() -> None:
    now = parts_of(in_force(PLAN))
    words = dataclasses.replace(PLAN, hook_points=(dataclasses.replace(POINT, why="because", line=3),))
    assert describe_difference(now, parts_of(in_force(words))) == "explanation"
    assert parts_of(in_force(dataclasses.replace(PLAN, cwd="/elsewhere"))) == now


def test_of_evidence_that_has_no_parts_nothing_is_said() -> None:
    assert describe_difference({}, parts_of(in_force(PLAN))) == ""


def test_words_from_a_file_do_nothing_on_a_terminal() -> None:
    now = parts_of(in_force(PLAN))
    assert describe_difference({**now, "policy": "\x1b[2J"}, now) == "policy"
    assert describe_difference({**now, "policy": "x" * 999}, now) == "policy"
