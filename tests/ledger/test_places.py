"""Which ledger is opened: none is made by a slip, one server has a file, and what is wrong is said in words."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.ledger.serving import ENVIRONMENT, command

from meterize_ledger.errors import Unavailable
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.store.alone import alone


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meterize", "ledger", *map(str, words)],
        capture_output=True, text=True, env={**ENVIRONMENT, **environment}, check=False, timeout=60,
    )  # fmt: skip


WITHOUT_MAKING = [
    ("export", "all.csv"),
    ("retain", "--days", "1", "--archive", "."),
    ("correct", "web", "1", "--uses", "1", "--by", "a", "--why", "b"),
    ("token", "list"),
    ("token", "revoke", "x"),
]


@pytest.mark.parametrize("words", WITHOUT_MAKING, ids=lambda words: "-".join(words[:2]))
def test_no_ledger_is_made_by_what_reads_one(words, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = command(*words, database="typo.db", code=4)["error"]
    assert error["slug"] == "no-ledger"
    assert str(tmp_path / "typo.db") in error["message"]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "empty.db").touch()
    assert command(*words, database="empty.db", code=4)["error"]["slug"] == "no-ledger"


def test_no_ledger_is_made_in_an_empty_postgresql_by_what_reads_one(postgres):
    postgres.run("CREATE DATABASE bare")
    try:
        place = postgres.url("bare")
        error = command("token", "list", database=place, code=4)["error"]
        assert (error["slug"], error["message"]) == ("no-ledger", f"there is no ledger at {place}")
        command("token", "add", "--source", "web", database=place.replace("postgresql:", "postgres:"))
        assert len(command("token", "list", database=place)["tokens"]) == 1
    finally:
        postgres.run("DROP DATABASE bare WITH (FORCE)")


def test_folders_are_made_for_the_usual_place_alone(tmp_path: Path):
    place = tmp_path / "nonexist" / "l.db"
    for words in (("serve",), ("token", "add", "--source", "web")):
        error = command(*words, database=str(place), code=4)["error"]
        assert (error["slug"], str(place.parent) in error["message"]) == ("no-ledger", True)
    assert list(tmp_path.iterdir()) == []
    done = run("token", "add", "--source", "web", XDG_STATE_HOME=str(tmp_path / "state"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "state" / "meterize" / "ledger.db").exists()


@pytest.mark.parametrize("place", [".", "postgresql://a:secret@127.0.0.1:1/x", "postgresql://a:secret@no-such-host.invalid/x"])
def test_a_database_that_cannot_be_opened(place, tmp_path: Path):
    done = run("token", "list", "--database", tmp_path if place == "." else place)
    assert done.returncode == 4, done.stderr
    text = re.sub(r"[\s│|]+", " ", done.stderr)
    assert "Check --database or METERIZE_DATABASE" in text
    assert "Send the same again" not in text
    assert "Errno" not in text
    assert "secret" not in text


def test_one_server_has_a_file_and_commands_go_on_beside_it(tmp_path: Path):
    place = tmp_path / "ledger.db"
    link = tmp_path / "link.db"
    link.symlink_to(place)
    first = open_ledger(place)
    with alone(first):
        for name in (place, link):
            error = command("serve", "--port", "0", database=str(name), code=4)["error"]
            assert error["slug"] == "ledger-served"
        command("token", "add", "--source", "web", database=str(place))
        assert len(command("token", "list", database=str(link))["tokens"]) == 1
    second = open_ledger(place)
    with alone(second), pytest.raises(Unavailable), alone(first):
        raise AssertionError
    first.close()
    second.close()


def test_several_servers_share_postgresql(postgres):
    database = open_ledger(postgres.url("postgres"))
    with alone(database), alone(database):
        assert database.name == postgres.url("postgres")
    database.close()


@pytest.mark.parametrize("words", [(), ("token",)])
def test_a_group_alone_shows_its_help(words):
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")
    assert "\nCommands:\n" in done.stderr


def test_tokens_in_a_table(tmp_path: Path):
    place = str(tmp_path / "ledger.db")
    command("token", "add", "--source", "web", database=place)
    reader = command("token", "add", "--reader", "r", "--subject", "ada", database=place)
    command("token", "revoke", reader["id"], database=place)
    heads, source, other = run("token", "list", "--database", place).stdout.splitlines()
    assert heads.split("  ")[-1].strip() == "state"
    assert "  source  web" in source
    assert source.endswith("  valid")
    assert re.search(r"reader  r  .*  ada  .*\d{4}-\d\d-\d\d  revoked \d{4}-\d\d-\d\d$", other)
    nowhere = command("token", "add", "--source", "web", "--to", str(tmp_path / "no" / "t"), database=place, code=4)["error"]
    assert (nowhere["slug"], f"no folder {tmp_path / 'no'}" in nowhere["message"]) == ("token-file", True)


@pytest.fixture
def told(place, tmp_path: Path):
    """A ledger of two sources and three subjects, two of them around the end of a month."""
    file = tmp_path / "old.csv"
    file.write_text(
        "id,time,feature,uses,subject\n1,2026-10-31T22:59:59Z,xlsx,1,ada\n2,2026-10-31T23:00:00Z,xlsx,2,ada\n"
        "3,2026-11-30T22:59:59Z,xlsx,4,bob\n4,2026-11-30T23:00:00Z,xlsx,8,bob\n"
    )
    command("import", str(file), "--source", "web-1", database=place)
    file.write_text("id,time,feature,uses,subject\n9,2026-11-01T00:00:00Z,xlsx,16,eve\n")
    command("import", str(file), "--source", "web-2", database=place)
    return place


def test_an_export_that_matches_nothing_names_what_is_alike(told, tmp_path: Path):
    file = tmp_path / "out.csv"
    for words, slug, names in (
        (("--subject", "adaa"), "no-such-subject", ["ada"]),
        (("--source", "web-9"), "no-such-source", ["web-1", "web-2"]),
        (("--subject", "eve", "--source", "web-1"), "no-such-subject", ["web-2"]),
    ):
        error = command("export", str(file), *words, database=told, code=2)["error"]
        assert error["slug"] == slug
        assert all(name in error["hint"] for name in names), error
    correction = ("correct", "web-3", "1", "--uses", "1", "--by", "a", "--why", "b")
    assert "web-1" in command(*correction, database=told, code=2)["error"]["hint"]
    assert not file.exists()


def test_an_export_and_a_bill_mean_the_same_month(told, tmp_path: Path):
    file = str(tmp_path / "out.jsonl")
    month = ("export", file, "--from", "2026-11-01", "--to", "2026-12-01")
    for words, shown, uses in (
        (month, 3, 28),
        ((*month, "--tz", "Europe/Berlin"), 3, 22),
        (("export", file, "--from", "2026-11-01T00:00+01:00", "--to", "2026-11-30T23:59:59+01:00"), 2, 18),
        (("export", file, "--from", "2026-11-30T23:00"), 1, 8),
    ):
        assert command(*words, database=told)["shown"] == shown
        assert sum(chain["uses"] for chain in command("prove", file)["chains"]) == uses
    for words, said in (
        (("--from", "yesterday"), "2026-11-01"),
        (("--tz", "Mars/Base"), "Mars/Base"),
        (("--from", "2026-11-01", "--to", "2026-11-01"), "empty"),
    ):
        error = command("export", file, *words, database=told, code=2)["error"]
        assert (error["slug"], said in error["message"]) == ("bad-period", True)


def test_an_export_under_no_known_name(told, tmp_path: Path):
    error = command("export", str(tmp_path / "nov.xyz"), database=told, code=2)["error"]
    assert (error["slug"], ".csv, .jsonl or .parquet" in error["message"]) == ("export-form", True)
    assert command("export", str(tmp_path / "nov.xyz"), "--format", "csv", database=told)["rows"] == 5
