"""`meterize usage` against the real ledger: the whole command, what it shows and what it answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
if str(HOOKS) not in sys.path:
    sys.path.insert(0, str(HOOKS))

from tests.agents.files import Process  # noqa: E402
from tests.ledger.asking import event, make_place  # noqa: E402
from tests.ledger.made import as_json  # noqa: E402

from meterize.cli.app import run  # noqa: E402
from meterize_hooks.agent.journal import Journal  # noqa: E402
from meterize_hooks.agent.rounds import Agent  # noqa: E402
from meterize_hooks.agent.settings import Settings  # noqa: E402

NOVEMBER = ("--from", "2026-11-01", "--to", "2026-12-01", "--tz", "UTC")


EVENTS = [
    event("1", "2026-11-02T10:00:00Z", 1000),
    event("2", "2026-11-02T23:30:00Z", 200),
    event("3", "2026-11-03T10:00:00Z", 30, subject="bob"),
    event("4", "2026-11-04T10:00:00Z", 4, subject=None, feature="pdf"),
    event("5", "2026-10-05T10:00:00Z", 100),
    event("6", "2026-10-05T10:00:00Z", 60, subject="carol"),
    # Clocks are put back in Berlin at 01:00 UTC: two hours are called two o'clock.
    event("7", "2026-10-25T00:30:00Z", 2, feature="night"),
    event("8", "2026-10-25T01:30:00Z", 3, feature="night"),
    event("9", "2026-10-24T22:30:00Z", 5, feature="night"),
]


@pytest.fixture(scope="module")
def full(made, tmp_path_factory):
    """What the ledger of these tests holds does not change."""
    place = make_place(made, tmp_path_factory.mktemp("full"))
    place.send(*EVENTS)
    body = as_json({})
    body["reports"][0]["losses"] = [
        {"reason": "no-room", "package": "tablib", "feature": "xlsx", "total": 7},
        {"reason": "not-armed", "package": "tablib", "feature": "pdf", "hook": "tablib/pdf/1", "total": 2},
    ]
    assert place.serving.post("/api/v1/counters", body, place.source).status_code == 200
    yield place
    place.serving.kill()


@pytest.fixture
def place(made, tmp_path):
    place = make_place(made, tmp_path)
    yield place
    place.serving.kill()


@pytest.fixture
def ask(full, capsys):
    """The JSON answer to what is asked of the full ledger."""

    def ask(*words, token=None, code=0):
        assert run([*full.words(*words, token=token), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return ask


def uses(found, *names):
    return {tuple(row[name] for name in names): row["uses"] for row in found["uses"]}


def test_by_package_feature_and_subject_unless_told_otherwise(full, ask):
    found = ask(*NOVEMBER)
    assert uses(found, *found["by"]) == {
        ("tablib", "xlsx", "ada"): 1200,
        ("tablib", "xlsx", "bob"): 30,
        ("tablib", "pdf", None): 4,
    }
    assert (found["ledger"], found["spool"], found["total"]) == (full.serving.url, None, 1234)
    assert found["period"] == {"from": "2026-11-01T00:00:00+00:00", "to": "2026-12-01T00:00:00+00:00", "tz": "UTC"}
    assert found["previous"] == {"from": None, "to": None, "total": None}
    assert found["unmetered"] == [
        {"reason": "no-room", "package": "tablib", "feature": "xlsx", "hook": "", "count": 7},
        {"reason": "not-armed", "package": "tablib", "feature": "pdf", "hook": "tablib/pdf/1", "count": 2},
    ]


def test_the_table(full, capsys):
    assert run(full.words("--by", "subject", *NOVEMBER, "--feature", "xlsx")) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[0] == "Uses from 2026-11-01 00:00 to 2026-12-01 00:00, UTC"
    assert [line.strip("│ ").split() for line in said.out.splitlines() if line.startswith("│")] == [
        ["ada", "│", "1,200"],
        ["bob", "│", "30"],
        ["total", "│", "1,230"],
    ]
    assert said.err == "warning: not metered 7×: no-room tablib xlsx\n"


def test_days_are_those_of_the_zone(ask):
    by_day = ("--by", "day", "--from", "2026-11-01", "--to", "2026-12-01")
    assert uses(ask(*by_day, "--tz", "UTC"), "at") == {("2026-11-02",): 1200, ("2026-11-03",): 30, ("2026-11-04",): 4}
    assert uses(ask(*by_day, "--tz", "Asia/Kolkata"), "at") == {("2026-11-02",): 1000, ("2026-11-03",): 230, ("2026-11-04",): 4}


def test_the_zone_of_the_machine_is_meant_where_none_is_named(ask, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert ask()["period"]["tz"] == "Asia/Tokyo"


def test_an_hour_that_comes_twice(full, ask, capsys):
    hours = ("--by", "hour", "--from", "2026-10-25", "--to", "2026-10-26", "--tz", "Europe/Berlin", "--feature", "night")
    found = ask(*hours)
    assert uses(found, "at") == {
        ("2026-10-25T00:00:00+02:00",): 5,
        ("2026-10-25T02:00:00+02:00",): 2,
        ("2026-10-25T02:00:00+01:00",): 3,
    }
    run(full.words(*hours))
    shown = capsys.readouterr().out
    assert "2026-10-25 02:00 +02:00" in shown
    assert "2026-10-25 02:00 +01:00" in shown
    # The day has 25 hours: what is compared is the day before, of 24.
    assert ask("--by", "feature", *hours[2:], "--compare", "previous")["previous"]["from"] == "2026-10-24T00:00:00+02:00"


def test_against_the_month_before(full, ask, capsys):
    compare = ("--by", "subject", *NOVEMBER, "--feature", "xlsx", "--compare", "previous")
    found = ask(*compare)
    assert [(row["subject"], row["uses"], row["before"]) for row in found["uses"]] == [
        ("ada", 1200, 100),
        ("bob", 30, 0),
        ("carol", 0, 60),
    ]
    assert found["previous"] == {"from": "2026-10-01T00:00:00+00:00", "to": "2026-11-01T00:00:00+00:00", "total": 160}
    run(full.words(*compare))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "before: from 2026-10-01 00:00 to 2026-11-01 00:00"
    assert [line.replace("│", "").split() for line in lines if line.startswith("│")] == [
        ["ada", "1,200", "100", "+1,100", "+1,100%"],
        ["bob", "30", "0", "+30", "new"],
        ["carol", "0", "60", "-60", "-100%"],
        ["total", "1,230", "160", "+1,070", "+669%"],
    ]


def test_the_most_used_and_the_others(full, ask, capsys):
    found = ask("--by", "subject", *NOVEMBER, "--top", "1")
    assert uses(found, "subject") == {("ada",): 1200}
    assert (found["others"], found["total"]) == (34, 1234)
    run(full.words("--by", "subject", *NOVEMBER, "--top", "1"))
    assert "│ others  │    34 │" in capsys.readouterr().out


def test_only_some_features_and_subjects(ask):
    several = ("--subject", "bob", "--subject", "ada", "--feature", "xlsx", "--feature", "pdf")
    assert uses(ask("--by", "subject,feature", *NOVEMBER, *several), "subject", "feature") == {
        ("ada", "xlsx"): 1200,
        ("bob", "xlsx"): 30,
    }
    assert ask(*NOVEMBER, "--subject", "\udcff & = ?\n")["uses"] == []
    assert [lost["feature"] for lost in ask(*NOVEMBER, "--feature", "pdf")["unmetered"]] == ["pdf"]


def test_a_reader_of_one_subject(full, ask):
    found = ask("--by", "subject", *NOVEMBER, token=full.ada)
    assert (uses(found, "subject"), found["total"], found["unmetered"]) == ({("ada",): 1200}, 1200, [])
    error = ask("--subject", "bob", token=full.ada, code=4)["error"]
    assert error["slug"] == "subject-refused"


def test_tokens_that_open_nothing(full, ask, tmp_path):
    sources = tmp_path / "source"
    sources.touch(mode=0o600)
    sources.write_text(full.source)
    error = ask(token=sources, code=4)["error"]
    assert error["slug"] == "scope-missing"
    assert "--reader" in error["hint"]
    sources.write_text("mz_nobodys")
    error = ask(token=sources, code=4)["error"]
    assert error["slug"] == "token-refused"
    assert "mz_nobodys" not in str(error)


@pytest.mark.parametrize(
    ("words", "slug", "says"),
    [
        (["--from", "1969-01-01"], "question-refused", "out of the ledger's time"),
        (["--from", "2026-11-01T00:01"], "question-refused", "quarters of an hour"),
        (["--from", "2026-11-02", "--to", "2026-11-01T00:00+00:00"], "question-refused", "begins before it ends"),
        (["--by", "hour", "--from", "1980-01-01"], "question-refused", "units of time"),
        (["--from", "2026-11-02", "--to", "2026-11-02"], "bad-period", "ends before it begins"),
        (["--from", "2026-11-02T01:00Z", "--to", "2026-11-02T01:00+01:00"], "bad-period", "ends before it begins"),
        (["--to", "soon"], "bad-period", "--to soon"),
        (["--tz", "Europe/Berln"], "bad-time-zone", "Berln"),
        (["--top", "0"], "usage", "--top"),
        (["--top", "10001"], "usage", "--top"),
        (["--by", "colour"], "usage", "--by"),
        (["--by", "day,hour"], "usage", "--by"),
        (["--by", "feature,feature"], "usage", "--by"),
        (["--by", ""], "usage", "--by"),
        (["--compare", "next"], "usage", "--compare"),
        (["--every", "0"], "usage", "--every"),
        (["--every", "nan"], "usage", "--every"),
        (["--every", "inf", "--follow"], "usage", "--every"),
        (["--timeout", "1e300"], "usage", "--timeout"),
        (["--timeout", "0"], "usage", "--timeout"),
        (["--spool", "."], "usage", "either --spool or --ledger"),
    ],
)
def test_questions_that_mean_nothing(ask, words, slug, says):
    error = ask(*words, code=2)["error"]
    assert error["slug"] == slug
    assert says in error["message"]
    assert error["hint"]


def test_where_variables_lead(full, ask, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("METERIZE_LEDGER", f"{full.serving.url}/")
    monkeypatch.setenv("METERIZE_TOKEN", full.reader.read_text())
    assert run(["usage", "--json", *NOVEMBER]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 1234
    assert run(["usage", "--json", "--spool", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["spool"] == str(tmp_path)


def test_a_ledger_says_what_the_spool_said_that_an_agent_brought(place, capsys, tmp_path):
    process = Process(tmp_path / "spool")
    process.hook(0, "xlsx")
    process.hook(1, "pdf")
    process.subject(2, "ada \x7f\ud800 ü")
    for cell, times in ((0, 0), 3), ((0, 2), 1400), ((1, 2), 4):
        process.use(*cell, times)
    process.loss("not-armed", 2)
    token = place.source
    Agent(Settings(ledger=place.serving.url, spools=(str(process.folder),), token_text=token), journal=Journal(None)).round()
    for more in (
        [],
        ["--top", "1"],
        ["--feature", "xlsx"],
        ["--subject", "ada \x7f\udcff ü"],
        ["--subject", "ada \x7f\\ud800 ü"],
    ):
        found = []
        for source in (["usage", "--spool", str(process.folder)], place.words()):
            assert run([*source, "--json", "--by", "subject,feature,package", *more]) == 0
            found.append(json.loads(capsys.readouterr().out))
        spool, ledger = ({key: each[key] for key in ("by", "others", "total", "unmetered")} for each in found)
        assert spool == ledger
        assert uses(found[0], *found[0]["by"]) == uses(found[1], *found[1]["by"])
        assert list(found[0]["uses"][0]) == list(found[1]["uses"][0]) if found[0]["uses"] else not found[1]["uses"]
    assert found[0]["total"] == 1404
