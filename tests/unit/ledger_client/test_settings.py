"""Where the ledger is and what opens it: what is refused, and that no secret is ever repeated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meterize.errors import UsageError
from meterize.ledger_client import LedgerSettings, find_ledger


def refused(slug, call, *arguments):
    with pytest.raises(UsageError) as error:
        call(*arguments)
    assert (error.value.slug, error.value.exit_code) == (slug, 2)
    assert error.value.hint
    return f"{error.value.message} {error.value.hint}"


@pytest.mark.parametrize(
    "url",
    [
        "", " ", "ledger.example.com", "ftp://ledger", "http://", "https:///x", "http://:80", "http://h:0", "http://h:99999",
        "http://h:x", "https://h/?a=1", "https://h/#x", "https://h/a b", "https://h/\n", "http://[::1", "http://a..b",
        f"http://{'a' * 70}.com", "file:///x",
        "https://ada:secret@h", "https://secret@h", "https://:secret@h", "https://@h", "https://h/\x1b[31m",
    ],
)  # fmt: skip
def test_urls_that_are_none(url):
    assert "secret" not in refused("ledger-bad-url", find_ledger, {}, url)


@pytest.mark.parametrize(
    "url", ["http://localhost:8990", "https://h", "https://h/meter/", "http://[::1]:80", "https://bücher.example"]
)
def test_urls(url):
    found = find_ledger({}, url)
    assert found is not None
    assert found.url == url.rstrip("/")


def test_what_is_given_goes_before_the_environment(tmp_path):
    environ = {
        "METERIZE_LEDGER": "https://of-environment",
        "METERIZE_TOKEN": "t",
        "METERIZE_TOKEN_FILE": "/of/environment",
        "METERIZE_CA_FILE": "/ca",
    }
    found, given = find_ledger(environ), find_ledger(environ, "https://given", tmp_path, "/other")
    assert found is not None
    assert given is not None
    assert (found.url, str(found.token_file), found.authorities) == ("https://of-environment", "/of/environment", "/ca")
    assert (given.url, given.token_file, given.authorities) == ("https://given", tmp_path, "/other")
    assert find_ledger({}) is None
    assert find_ledger({"METERIZE_LEDGER": ""}) is None
    refused("ledger-bad-url", find_ledger, {"METERIZE_LEDGER": "nonsense"})


def test_a_token_shows_nowhere():
    assert "secret" not in repr(LedgerSettings(url="https://h", token_text="secret"))


@pytest.mark.parametrize(
    ("url", "is_open"),
    [("http://h", True), ("https://h", False), ("http://localhost:1", False), ("http://[::1]", False)],
)
def test_who_could_read_it_on_the_way(url, is_open):
    assert LedgerSettings(url=url).travels_in_clear == is_open


def test_the_file_goes_before_the_variable(tmp_path):
    file = tmp_path / "token"
    file.touch(mode=0o600)
    settings = LedgerSettings(url="https://h", token_file=file, token_text="of-variable")
    for text in ("one", " two\n"):  # it is read anew each time
        file.write_text(text)
        assert settings.read_token() == text.strip()
    assert LedgerSettings(url="https://h", token_text=" of-variable ").read_token() == "of-variable"


def test_what_can_be_read_once_is_read_once():
    read, write = os.pipe()
    os.write(write, b"token\n")
    os.close(write)
    settings = find_ledger({}, "https://h", Path(f"/dev/fd/{read}"))
    os.close(read)
    assert settings is not None
    assert settings.read_token() == settings.read_token() == "token"


@pytest.mark.parametrize("content", [b"", b" \n", b"se cret", b"secret\nsecret", b"s\xffecret", b"secret\0", "sécret".encode()])
def test_tokens_that_are_none(tmp_path, content):
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_bytes(content)
    settings = LedgerSettings(url="https://h", token_file=file)
    assert "secret" not in refused("no-reader-token", settings.read_token)


def test_files_that_cannot_be_read(tmp_path):
    for file in (tmp_path, tmp_path / "none", tmp_path / "none" / "none"):
        refused("no-reader-token", LedgerSettings(url="https://h", token_file=file).read_token)
    refused("no-reader-token", LedgerSettings(url="https://h").read_token)


@pytest.mark.parametrize(
    ("mode", "is_fine"), [(0o600, True), (0o400, True), (0o440, True), (0o604, False), (0o644, False), (0o602, False)]
)
def test_files_that_everybody_may_read(tmp_path, mode, is_fine):
    file = tmp_path / "token"
    file.write_text("secret")
    os.chmod(file, mode)  # noqa: PTH101
    settings = LedgerSettings(url="https://h", token_file=file)
    if is_fine:
        assert settings.read_token() == "secret"
    else:
        assert "secret" not in refused("token-file-open", settings.read_token)
