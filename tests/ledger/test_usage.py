"""Questions about usage: groups, time zones, top, the period before; judged by the records themselves."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.ledger.made import event

from meterize_ledger.errors import Refused
from meterize_ledger.model.question import Question
from meterize_ledger.service.events import take_events
from meterize_ledger.service.usage import answer

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Beirut")


def question(start: str, end: str, zone: str = "UTC", **more: object) -> Question:
    where = ZoneInfo(zone)
    moments = [datetime.fromisoformat(text).replace(tzinfo=where).astimezone(UTC) for text in (start, end)]
    return Question(start=moments[0], end=moments[1], zone=where, **more)


@pytest.fixture
def busy(ledger):
    """Events every 25 minutes over a fortnight in which Europe's clocks go back, by three subjects."""
    begin = datetime(2026, 10, 18, 0, 5, tzinfo=UTC)
    events = [
        event(f"e{number}", subject="abc"[number % 3], kind=("pdf", "xlsx")[number % 2], value=1 + number % 7,
              time=begin + timedelta(minutes=25 * number))
        for number in range(14 * 24 * 60 // 25)
    ]  # fmt: skip
    assert take_events(ledger, "web", events).recorded == len(events)
    return ledger, events


def named(moment: datetime, unit: str, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    if unit == "hour":
        return local.replace(minute=0).isoformat()
    return f"{local:%Y-%m-%d}" if unit == "day" else f"{local:%Y-%m}"


@pytest.mark.parametrize("unit", ["hour", "day", "month"])
def test_units_of_every_zone(busy, unit):
    ledger, events = busy
    for zone in ZONES:
        asked = question("2026-10-19", "2026-11-01", zone, unit=unit, by=("subject",))
        expected: Tally[tuple[str, str]] = Tally()
        for each in events:
            if asked.start <= each.time < asked.end:
                expected[each.subject, named(each.time, unit, zone)] += each.data["value"]
        found = answer(ledger, asked)
        assert {(row.group[0], row.at): row.uses for row in found.rows} == expected, zone
        assert found.total == sum(expected.values())


def test_groups_filters_and_what_top_leaves_out(busy):
    ledger, events = busy
    inside = question("2026-10-01", "2026-12-01")
    total = sum(each.data["value"] for each in events)
    plain = answer(ledger, inside)
    assert [(row.group, row.uses) for row in plain.rows] == [((), total)]
    by_two = answer(ledger, question("2026-10-01", "2026-12-01", by=("feature", "subject"), top=2))
    assert len(by_two.rows) == 2
    assert by_two.others + sum(row.uses for row in by_two.rows) == by_two.total == total
    only = answer(ledger, question("2026-10-01", "2026-12-01", by=("feature",), features=("pdf",), subjects=("a", "b")))
    assert [row.group for row in only.rows] == [("pdf",)]
    assert only.total == sum(e.data["value"] for e in events if e.type == "pdf" and e.subject in "ab")


def test_against_the_period_before(busy):
    ledger, events = busy

    def between(first: datetime, last: datetime) -> int:
        return sum(each.data["value"] for each in events if first <= each.time < last)

    days = question("2026-10-25", "2026-10-28", "Europe/Berlin", compare=True)
    found = answer(ledger, days)
    berlin = ZoneInfo("Europe/Berlin")
    assert found.previous_start == datetime(2026, 10, 22, tzinfo=berlin)  # three days of the calendar, not 73 hours
    assert found.previous_total == between(datetime(2026, 10, 22, tzinfo=berlin), datetime(2026, 10, 25, tzinfo=berlin))
    months = answer(ledger, question("2026-11-01", "2026-12-01", compare=True, by=("subject",)))
    assert (months.previous_start, months.previous_end) == (
        datetime(2026, 10, 1, tzinfo=UTC),
        datetime(2026, 11, 1, tzinfo=UTC),
    )
    assert {row.previous for row in months.rows} == {
        sum(e.data["value"] for e in events if e.subject == who and e.time.month == 10) for who in "abc"
    }
    span = answer(ledger, question("2026-10-25T10:15", "2026-10-25T12:30", compare=True))
    assert span.previous_start == datetime(2026, 10, 25, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "unit"),
    [("2026-10-02", "2026-10-01", None), ("2026-10-01T00:07", "2026-10-02", None), ("2000-01-01", "2026-01-01", "hour")],
)
def test_a_question_that_means_nothing_is_refused(ledger, start, end, unit):
    with pytest.raises(Refused):
        answer(ledger, question(start, end, unit=unit))
