"""What the agent is told, and what it will not be told."""

from __future__ import annotations

import pytest

from meterize_hooks.agent.backoff import Backoff
from meterize_hooks.agent.journal import Journal
from meterize_hooks.agent.settings import Settings, SettingsError, checked_address, checked_url, from_environment

KNOWN = {"METERIZE_LEDGER": "http://localhost:8080/", "METERIZE_SPOOL": "/s", "METERIZE_TOKEN": "t"}


def test_environment():
    told = Settings(**from_environment({**KNOWN, "METERIZE_TOKEN_FILE": "/t", "METERIZE_CA_FILE": "/c"}))
    assert (told.ledger, told.spools) == ("http://localhost:8080", ("/s",))
    assert (told.token_file, told.authorities) == ("/t", "/c")


def test_options_go_before_and_folders_are_looked_at_once():
    told = from_environment(KNOWN, ["/a", "/b", "/a/../a"], "https://l.example/base")
    assert told["spools"] == ("/a", "/b")
    assert told["ledger"] == "https://l.example/base"


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://x", "http://", "http:///x", "http://u:p@x", "http://u@x", "http://x:0", "http://x:99999", "http://x?q", "http://x#f",
     "http://[x", " ", "https:///x", "http://:80", "https://h/a b", "https://h/\n", "http://a..b", f"http://{'a' * 70}.com", "https://@h",
     "https://:p@h", "https://h/\x1b[31m"],
)  # fmt: skip
def test_urls_that_are_none(url):
    with pytest.raises(SettingsError) as found:
        checked_url(url)
    assert found.value.slug == ("agent-bad-url" if url else "agent-no-ledger")
    assert "p@" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:1", ("0.0.0.0", 1)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses(text, address):
    assert checked_address(text) == address


@pytest.mark.parametrize("text", ["", "x", ":", "x:", "1:2:x", "70000", "-1"])
def test_addresses_that_are_none(text):
    with pytest.raises(SettingsError):
        checked_address(text)


def test_no_spool(monkeypatch):
    monkeypatch.setenv("HOME", "relative")
    with pytest.raises(SettingsError) as found:
        from_environment({"METERIZE_LEDGER": "http://x"})
    assert found.value.slug == "agent-no-spool"


@pytest.mark.parametrize("content", [b"", b" \n", b"two words", b"a\r\nX-Injected: yes", b"\xff", b"caf\xc3\xa9", b"a\x00b"])
def test_tokens_that_are_none(tmp_path, content):
    file = tmp_path / "token"
    file.write_bytes(content)
    told = Settings(ledger="http://x", spools=("/s",), token_file=str(file))
    with pytest.raises(SettingsError) as found:
        told.token()
    assert found.value.slug == "agent-no-token"
    assert "Injected" not in str(found.value)


@pytest.mark.parametrize(("mode", "is_open"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_token_that_others_may_read(tmp_path, mode, is_open):
    file = tmp_path / "token"
    file.write_text("t")
    file.chmod(mode)
    assert Settings(ledger="http://x", spools=("/s",), token_file=str(file)).token_lies_open == is_open


def test_a_token_that_is_nowhere_lies_open_to_nobody(tmp_path):
    assert not Settings(ledger="http://x", spools=("/s",), token_file=str(tmp_path / "none")).token_lies_open
    assert not Settings(ledger="http://x", spools=("/s",)).token_lies_open


def test_a_token_is_read_anew_each_time(tmp_path):
    file = tmp_path / "token"
    told = Settings(ledger="http://x", spools=("/s",), token_file=str(file))
    for text in ("one", "two"):
        file.write_text(f"{text}\n")
        assert told.token() == text


def test_waits_are_drawn_between_nothing_and_a_bound_that_doubles():
    backoff = Backoff(1.0, 60.0)
    waits = [[backoff.wait() for _ in range(12)] for _ in range(200) if backoff.succeeded() is None]
    for tries, bound in enumerate((1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60)):
        drawn = [each[tries] for each in waits]
        assert 0 <= min(drawn) < bound * 0.1
        assert bound * 0.9 < max(drawn) <= bound
    assert Backoff(1.0, 60.0).wait(at_least=100) >= 100
    for _ in range(5000):
        assert backoff.wait() <= 60


def test_a_refused_token_is_tried_slowly():
    backoff = Backoff(1.0, 60.0)
    waits = [backoff.wait_slowly() for _ in range(50)]
    assert min(waits) >= 30
    assert max(waits) <= 300


def test_the_journal_says_a_thing_once_until_it_changes(capfd):
    journal = Journal()
    for text in ("down", "down", "down\x1b[31m", "down\x1b[31m"):
        journal.tell("ledger", text)
    journal.settle("ledger", "up")
    journal.settle("ledger", "up")
    journal.tell("x", "y" * 10_000)
    said = capfd.readouterr().err.splitlines()
    assert said[:3] == ["meterize agent: down", "meterize agent: down?[31m", "meterize agent: up"]
    assert len(said) == 4
    assert len(said[3]) < 800
