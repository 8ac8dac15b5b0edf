"""What a spool answers: groups, filters, the most used; and what it cannot know."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from meterize.errors import UsageError
from meterize.model.usage import Question
from meterize.spool import answer_question
from tests import spools

NAMES = [
    spools.hook(0, feature="xlsx", package="tablib"),
    spools.hook(1, id="d/f/2", feature="pdf", package="tablib"),
    spools.hook(2, id="d/f/3", feature="pdf", package="reports"),
    spools.subject(2, "ada"),
    spools.subject(3, "bob"),
    spools.loss("no-room", 4, package=""),
    {**spools.loss("not-armed", 1), "feature": "xlsx"},
]


@pytest.fixture
def folder(tmp_path):
    spools.write(tmp_path, {(0, 0): 5, (0, 2): 10, (1, 2): 1, (2, 3): 20}, NAMES, incarnation="a", host="one")
    spools.write(tmp_path, {(0, 2): 100, (2, 2): 3}, NAMES[:5], incarnation="b", host="two")
    return tmp_path


def asked(folder, *by, **more):
    found = answer_question(folder, Question(by=by, **more))
    return {row.group: row.uses for row in found.rows}, found


@pytest.mark.parametrize(
    ("by", "uses"),
    [
        (("feature",), {("xlsx",): 115, ("pdf",): 24}),
        (("subject",), {("ada",): 114, ("bob",): 20, (None,): 5}),
        (("host", "package"), {("two", "tablib"): 100, ("one", "reports"): 20, ("one", "tablib"): 16, ("two", "reports"): 3}),
        ((), {(): 139}),
    ],
)
def test_groups_are_in_the_order_of_their_uses(folder, by, uses):
    found, answer = asked(folder, *by)
    assert list(found.items()) == list(uses.items())
    assert (answer.total, answer.others) == (139, 0)


def test_a_process_counts_once_in_a_group(folder):
    (row,) = answer_question(folder, Question(by=())).rows
    assert row.processes == 2
    assert row.since == datetime(2026, 1, 1, tzinfo=UTC)
    assert row.until is not None
    assert row.until >= row.since


def test_only_what_is_asked_for(folder):
    assert asked(folder, "subject", features=("xlsx",))[0] == {("ada",): 110, (None,): 5}
    assert asked(folder, "feature", subjects=("bob", "nobody"))[0] == {("pdf",): 20}
    found, answer = asked(folder, "feature", features=("nothing",))
    assert (found, answer.total) == ({}, 0)


def test_the_most_used_and_the_others(folder):
    found, answer = asked(folder, "subject", top=1)
    assert found == {("ada",): 114}
    assert (answer.others, answer.total) == (25, 139)
    assert asked(folder, "subject", top=9)[1].others == 0


def test_losses_are_of_the_features_asked_for_or_of_none(folder):
    for features, reasons in (((), ["no-room", "not-armed"]), (("pdf",), ["no-room"]), (("xlsx",), ["no-room", "not-armed"])):
        assert [lost.reason for lost in asked(folder, "feature", features=features)[1].unmetered] == reasons


@pytest.mark.parametrize(
    ("asking", "option"),
    [
        ({"unit": "day"}, "--by day"),
        ({"start": "2026-01-01"}, "--from"),
        ({"end": "2026-01-01"}, "--to"),
        ({"compare": True}, "--compare"),
    ],
)
def test_times_are_for_a_ledger(folder, asking, option):
    with pytest.raises(UsageError) as refused:
        answer_question(folder, Question(by=("feature",), **asking))
    assert refused.value.slug == "spool-totals-only"
    assert option in refused.value.message
    assert "meterize usage --ledger URL --by feature" in refused.value.hint
