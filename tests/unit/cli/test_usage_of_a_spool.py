"""`meterize usage` on a spool: its options, what follows, and what completes a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete

from meterize.cli.app import app, run
from tests import spools

NAMES = [spools.hook(0, feature="xlsx", package="tablib"), spools.hook(1, id="d/f/2", feature="pdf", package="tablib")]


@pytest.fixture
def spool(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith("METERIZE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "Europe/Berlin")
    folder = tmp_path / "spool"
    folder.mkdir()
    spools.write(folder, {(0, 0): 1500, (0, 2): 10, (1, 2): 1}, [*NAMES, spools.subject(2, "ada")])
    monkeypatch.setenv("METERIZE_SPOOL", str(folder))
    return folder


def ask(capsys, *words, code=0):
    assert run(["usage", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_groups_and_the_most_used(spool, capsys):
    found = ask(capsys, "--by", "feature", "--top", "1", "--feature", "pdf", "--feature", "xlsx")
    assert [(row["feature"], row["uses"], row["subject"], row["processes"]) for row in found["uses"]] == [
        ("xlsx", 1510, None, 1)
    ]
    assert (found["others"], found["total"], found["spool"], found["ledger"]) == (1, 1511, str(spool), None)
    assert found["period"] == {"from": None, "to": None, "tz": None}


@pytest.mark.parametrize(
    ("by", "meant"), [("featur", "feature?"), ("subjct,days", "subject,day?"), ("feature,nonsense", ""), ("host,host", "")]
)
def test_a_slip_in_by(spool, capsys, by, meant):
    assert run(["usage", "--by", by]) == 2
    said = capsys.readouterr().err
    assert "at most one of hour, day, month." in said
    assert ("Did you mean" in said) is bool(meant)
    assert meant in said


def test_the_table(spool, capsys):
    assert run(["usage", "--by", "subject"]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0] == "Uses, times in Europe/Berlin"
    assert lines[4].startswith("│ (unknown) │ 2026-01-01 01:00 │ ")
    assert lines[4].endswith("│ 1,500 │")
    assert said.err == ""
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        (["--by", "feature,day"], "spool-totals-only"),
        (["--from", "2026-01-01"], "spool-totals-only"),
        (["--to", "2026-01-01"], "spool-totals-only"),
        (["--compare", "previous"], "spool-totals-only"),
        (["--tz", "Mars/Base"], "bad-time-zone"),
        (["--from", "x"], "bad-period"),
        (["--token-file", "x"], "usage"),
        (["--spool", ".", "--timeout", "3"], "usage"),
        (["--ledger", ""], "ledger-bad-url"),
        (["--ledger", "https://a:secret@h"], "ledger-bad-url"),
        (["--ledger", "https://h"], "no-reader-token"),
        (["--spool", "/no/such/folder"], "no-spool"),
        (["--follow", "--by", "hour"], "spool-totals-only"),
    ],
)
def test_what_is_refused(spool, capsys, words, slug):
    error = ask(capsys, *words, code=2)["error"]
    assert error["slug"] == slug
    assert "secret" not in str(error)


def test_a_name_is_shown_as_it_is(spool, capsys):
    spools.write(spool, {(0, 2): 1}, [NAMES[0], spools.subject(2, ":bee: [red]")])
    assert run(["usage", "--by", "subject"]) == 0
    assert "│ :bee: [red] │" in capsys.readouterr().out


def test_a_tokens_way_through_the_clear_is_told(spool, capsys):
    assert run(["usage", "--ledger", "http://no-such-host.invalid"]) == 2
    assert "warning: the token travels in the clear" in capsys.readouterr().err


def test_followed(spool):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "meterize", "usage", "--by", "feature", "--follow", "--every", "0.05", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert json.loads(process.stdout.readline())["total"] == 1511
    spools.write(spool, {(0, 0): 4}, NAMES, incarnation="j")
    while json.loads(process.stdout.readline())["total"] != 1515:
        pass  # between the two files of a process, its uses had no name yet
    process.send_signal(signal.SIGINT)
    assert (process.wait(20), process.stdout.read()) == (130, "")


def test_a_spool_needs_nothing_of_the_network(spool):
    program = (
        "import sys; from meterize.cli.app import run; code = run(['usage'])\n"
        "sys.exit(code or any(name in sys.modules for name in ('http.client', 'ssl')))"
    )
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "typed", "offered"),
    [
        (["--by"], "feature,h", ["feature,host", "feature,hour"]),
        (["--by"], "day,", ["day,feature", "day,subject", "day,package", "day,host"]),
        (["--by"], "colour", []),
        (["--feature"], "", ["pdf", "xlsx"]),
        (["--feature"], "x", ["xlsx"]),
        (["--spool", "/no/such/folder", "--feature"], "", []),
        (["--tz"], "europe/berl", ["Europe/Berlin"]),
    ],
)
def test_completion(spool, words, typed, offered):
    found = ShellComplete(app, {}, "meterize", "_X").get_completions(["usage", *words], typed)
    assert [item.value for item in found] == offered
