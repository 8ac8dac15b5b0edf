"""How usage looks, in narrow and wide terminals, and what machines get."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console

from meterize.cli.usage_view import as_mapping, as_table, notes
from meterize.model.usage import Period, Question, Unmetered, UsageAnswer, UseRow

NOVEMBER = Period(start="2026-11-01T00:00:00+01:00", end="2026-11-22T13:15:00+01:00", total=1_234_567)
OCTOBER = Period(start="2026-10-10T10:45:00+02:00", end="2026-11-01T00:00:00+01:00", total=1_000)


def answer(rows, period=NOVEMBER, previous=None, others=0, total=1_234_567, source="https://ledger", **asked):
    question = Question(**{"by": ("subject",), "zone": "Europe/Berlin", "compare": previous is not None, **asked})
    return UsageAnswer(
        question=question, source=source, rows=tuple(rows), total=total, others=others, period=period, previous=previous
    )


def shown(found, width=80, terminal=False):
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None, highlight=False)
    console.print(as_table(found, console), crop=False)
    return file.getvalue()


def cells(line):
    return [cell.strip() for cell in line.strip("│┃\n").replace("┃", "│").split("│")]


def test_numbers_stand_right_with_their_thousands():
    rows = [UseRow(group=("ada",), uses=1_234_560), UseRow(group=(None,), uses=7)]
    lines = shown(answer(rows)).splitlines()
    assert lines[0] == "Uses from 2026-11-01 00:00 to 2026-11-22 13:15, Europe/Berlin"
    assert cells(lines[4]) == ["ada", "1,234,560"]
    assert lines[5].endswith("         7 │")
    assert cells(lines[5]) == ["(unknown)", "7"]
    assert cells(lines[7]) == ["total", "1,234,567"]


def test_one_row_needs_no_total():
    assert "total" not in shown(answer([UseRow(group=("ada",), uses=7)]))


def test_others_and_the_period_before():
    rows = [UseRow(group=("ada",), uses=1_234_000, before=900), UseRow(group=("bob",), uses=50, before=0)]
    text = shown(answer(rows, previous=OCTOBER, others=517))
    lines = text.splitlines()
    assert lines[1] == "before: from 2026-10-10 10:45 to 2026-11-01 00:00"
    found = {cells(line)[0]: cells(line)[1:] for line in lines[3:] if "│" in line}
    assert found == {
        "ada": ["1,234,000", "900", "+1,233,100", "+137,011%"],
        "bob": ["50", "0", "+50", "new"],
        "others": ["517", "100", "+417", "+417%"],
        "total": ["1,234,567", "1,000", "+1,233,567", "+123,357%"],
    }


@pytest.mark.parametrize(("uses", "before", "change"), [(0, 4, ["-4", "-100%"]), (3, 3, ["0", "+0%"]), (0, 0, ["0", ""])])
def test_changes(uses, before, change):
    rows = [UseRow(group=("ada",), uses=uses, before=before)]
    assert cells(shown(answer(rows, previous=OCTOBER)).splitlines()[5])[3:] == change


@pytest.mark.parametrize("width", [1, 20, 40, 50, 80, 200])
def test_no_digit_is_ever_lost(width):
    rows = [
        UseRow(group=("a tenant with a long name " * 4,), at="2026-11-22", uses=987_654_321, before=987_000_000)
        for _ in range(3)
    ]
    text = shown(answer(rows, previous=OCTOBER, unit="day"), width, terminal=True)
    assert text.count("987,654,321") == 3
    assert text.count("2026-11-22 ") >= 3
    if width >= 80:  # the narrowest that there is room for
        assert max(map(cell_len, text.splitlines())) <= width


def test_an_hour_that_comes_twice_has_its_offset():
    twice = ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
    rows = [UseRow(group=(), at=at, uses=1) for at in twice]
    text = shown(answer(rows, by=(), unit="hour"))
    assert "│ 2026-10-25 02:00 +02:00 │    1 │" in text.replace("         1", "    1")
    assert "2026-10-25 02:00 +01:00" in text
    assert "+02:00" not in shown(answer(rows[:1], by=(), unit="hour"))


def test_a_bar_where_there_is_room_and_somebody_looks():
    rows = [UseRow(group=(), at=f"2026-11-{day}", uses=day) for day in (10, 20)]
    found = answer(rows, by=(), unit="day")
    assert "█" * 20 in shown(found, 80, terminal=True)
    assert "█" * 11 not in shown(found, 80, terminal=True).splitlines()[4]
    assert "█" not in shown(found, 50, terminal=True)
    assert "█" not in shown(found, 140)
    assert "█" not in shown(answer([UseRow(group=("a",), uses=3)]), 140, terminal=True)


def test_names_cannot_paint_the_screen():
    rows = [UseRow(group=("\x1b[2J[red]evil\n\r",), uses=1), UseRow(group=("[/]",), uses=1)]
    text = shown(answer(rows))
    assert "\x1b" not in text
    assert "�[2J[red]evil��" in text
    assert "[/]" in text


def test_a_spool_shows_since_and_until_in_the_zone_and_the_host_where_there_are_several():
    row = {"uses": 1, "since": datetime(2026, 7, 1, 23, 0, tzinfo=UTC), "until": datetime(2026, 11, 22, 12, 0, tzinfo=UTC)}
    by = ("package", "feature", "subject", "host")
    one = answer([UseRow(group=("p", "f", "s", "h"), **row)], period=None, source="/spool", by=by)
    lines = shown(one, 100).splitlines()
    assert lines[0] == "Uses, times in Europe/Berlin"
    assert cells(lines[2]) == ["package", "feature", "subject", "since", "until", "uses"]
    assert cells(lines[4]) == ["p", "f", "s", "2026-07-02 01:00", "2026-11-22 13:00", "1"]
    several = answer([UseRow(group=("p", "f", "s", host), **row) for host in "hi"], period=None, source="/spool", by=by)
    assert cells(shown(several, 100).splitlines()[2])[:4] == list(by)
    narrow = shown(
        answer([UseRow(group=("p", "f", "s", "a-host-with-a-long-name"), **row)] * 2, source="/spool", period=None, by=by), 60
    )
    assert cells(narrow.splitlines()[2]) == ["package", "feature", "subject", "uses"]
    asked = answer([UseRow(group=("h",), **row)], period=None, source="/spool", by=("host",))
    assert cells(shown(asked).splitlines()[2])[0] == "host"


def test_nobody_used_anything():
    assert shown(answer([], period=None, source="/a/[b]")) == "No uses in /a/[b].\n"
    assert "from 2026-11-01 00:00 to 2026-11-22 13:15." in shown(answer([]), 200)
    asked = answer([], period=None, source="/s", features=("xlsx",), subjects=("ada", "bob"))
    assert shown(asked) == "No uses of xlsx by ada or bob in /s.\n"


def keys(value):
    if isinstance(value, dict):
        return {name: keys(each) for name, each in value.items()}
    return [keys(each) for each in value[:1]] if isinstance(value, list) else None


def test_machines_get_the_same_keys_from_both():
    ledger = as_mapping(answer([UseRow(group=("ada",), at="2026-11", uses=1, before=0)], previous=OCTOBER, unit="month"))
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    spool = as_mapping(answer([UseRow(group=(None,), uses=1, processes=2, since=now, until=now)], period=None, source="/spool"))
    assert keys(ledger) == keys(spool)
    assert (ledger["ledger"], ledger["spool"], spool["ledger"], spool["spool"]) == ("https://ledger", None, None, "/spool")
    assert (ledger["by"], ledger["period"]["tz"], ledger["previous"]["total"]) == (["subject", "month"], "Europe/Berlin", 1000)
    assert spool["uses"][0]["since"] == "2026-11-22T12:00:00Z"


def test_losses_are_notes():
    lost = Unmetered(reason="no-room", package="tab\x1blib", feature="xlsx", hook="", count=7)
    found = UsageAnswer(question=Question(by=()), source="x", rows=(), total=0, unmetered=(lost,), problems=("a sentence",))
    assert notes(found) == ["not metered 7×: no-room tab�lib xlsx", "a sentence"]
