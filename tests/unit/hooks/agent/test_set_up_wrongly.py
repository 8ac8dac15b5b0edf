"""An agent that was told something wrong says so at once, with the address and what to do, though there is nothing to send."""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest
from tests.agents.files import Process, dead
from tests.agents.stub import TOKEN, LedgerStub, cut_before, status
from tests.unit.hooks.agent.test_answers import certificate


@pytest.fixture
def told(make_agent, lines):
    """What an agent with nothing to send says in its first round; health says the same, and neither knows a token."""

    def told(**settings):
        agent = make_agent(**settings)
        agent.round()
        is_well, what = agent.metrics.health()
        assert not is_well
        assert what["status"] == "failing"
        [trouble] = what["troubles"]
        line = next(line for line in lines.said if line.startswith(trouble))
        assert line == f"{trouble} (nothing is lost, it is tried again)"
        assert not re.search(r"[Ee]rrno|\[|\bError", line)
        assert "mz_" not in line
        return trouble

    return told


@pytest.fixture
def nowhere():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}"


def test_nobody_listens(told, nowhere):
    assert told(ledger=nowhere) == f"nobody listens at {nowhere}: is the ledger running there?"


def test_an_unknown_host(told):
    said = told(ledger="http://no-such-host.invalid")
    assert said.startswith("the host of http://no-such-host.invalid is unknown here: ")


def test_https_to_a_plain_port(told, ledger):
    secure = ledger.url.replace("http:", "https:")
    assert told(ledger=secure) == f"{secure} does not speak TLS there: is it {ledger.url}?"


def test_http_to_a_port_of_tls(told, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    stub = LedgerStub(context)
    try:
        clear = stub.url.replace("https:", "http:")
        assert stub.url in told(ledger=clear)
    finally:
        stub.close()


@contextmanager
def answering(answer):
    """The host and port of somebody who says this to whatever comes first."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        threading.Thread(target=speak, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_an_alert_of_tls_in_answer_to_http(told):
    with answering(b"\x15\x03\x01\x00\x02\x02\x0a") as url:
        assert told(ledger=f"http://{url}") == f"http://{url} speaks TLS: its URL is https://{url}"


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/counters", "/api"])
def test_a_url_with_the_path_of_the_interface(told, ledger, path):
    ledger.always = status(404)
    said = told(ledger=ledger.url + path)
    assert said == f"there is no ledger at {ledger.url}{path} (HTTP 404): is it {ledger.url}, without /api/…?"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (status(404), "there is no ledger at {} (HTTP 404): "),
        (status(302, {}, Location="http://elsewhere/"), "{} sends everybody on to http://elsewhere/, which is not followed: "),
        (status(200, {"status": "fine"}), "what answers at {} is no ledger (its answer is of another form): "),
        (status(400, []), "what answers at {} is no ledger (HTTP 400): "),
        (status(413), "what answers at {} is no ledger (it refuses what asks for nothing): "),
        (status(503), "the ledger at {} cannot answer: status 503; "),
        (status(429), "the ledger at {} asks to wait: "),
        (cut_before, "{} closed the connection without an answer: "),
    ],
)
def test_others_and_ledgers_in_trouble(told, ledger, fault, expected):
    ledger.always = fault
    assert told().startswith(expected.format(ledger.url))


def test_no_http_at_all(told):
    with answering(b"SSH-2.0-x\r\n") as url:
        assert "speaks no HTTP: " in told(ledger=f"http://{url}")


def test_one_that_says_nothing(told, ledger):
    ledger.always = lambda *_: time.sleep(3) or True
    assert told(timeout=0.3).startswith(f"{ledger.url} did not answer in time: ")


def test_a_token_that_is_unknown(told, ledger):
    said = told(token_text="mz_other")
    assert said.startswith(f"the ledger at {ledger.url} does not accept the token: no such token; ")
    assert "`meterize ledger token add --source NAME`" in said


def test_a_readers_token(told, ledger):
    ledger.always = status(403, {"error": {"slug": "scope-missing", "message": "this token is not for 'ingest'"}})
    assert told().endswith("; a source's token is needed: `meterize ledger token add --source NAME`")


def test_a_ledger_that_says_the_token_back(told, ledger):
    ledger.always = status(401, {"error": {"message": f"what is {TOKEN}?"}})
    assert "what is …?" in told()


def test_a_certificate_that_does_not_fit(told, tmp_path):
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    stub = LedgerStub(context)
    try:
        said = told(ledger=stub.url)
        assert said.startswith(f"the certificate of {stub.url} does not fit (self-signed certificate), ")
        assert said.endswith(" --ca-file")
        other = stub.url.replace("127.0.0.1", "localhost")
        assert f"the certificate of {other} does not fit (hostname mismatch" in told(ledger=other, authorities=str(files[0]))
    finally:
        stub.close()
    assert stub.heads == []


@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_file_of_certificates_that_holds_none(told, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    said = told(ledger="https://127.0.0.1:9", authorities=str(file))
    assert said.startswith(f"there are no CA certificates to be read in {file}")
    assert said.endswith("name a PEM file by --ca-file")


def test_a_token_file_that_went_away(told, tmp_path):
    said = told(token_text="", token_file=str(tmp_path / "none"))
    assert said.startswith(f"the token file {tmp_path / 'none'} cannot be read (No such file or directory). ")


def test_it_greets_until_it_was_confirmed_and_then_no_more(agent, ledger):
    ledger.faults = [status(503), status(503)]
    waits = [agent.round() for _ in range(6)]
    assert ledger.greetings == 3
    assert ledger.requests == []
    assert waits[0] != waits[1]
    is_well, what = agent.metrics.health()
    assert (is_well, what["troubles"]) == (True, [])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", what["last_success"])


def test_counts_are_as_good_as_a_greeting(agent, ledger, spool):
    process = Process(spool)
    process.hook()
    process.use()
    agent.round()
    assert (ledger.greetings, ledger.total) == (0, 1)


def test_a_failure_is_a_trouble_while_it_lasts(agent, ledger, spool):
    agent.round()
    process = Process(spool)
    process.hook()
    process.use()
    ledger.always = status(503)
    agent.round()
    assert "status 503" in agent.metrics.health()[1]["troubles"][0]
    ledger.always = None
    agent.round()
    assert agent.metrics.health()[1]["troubles"] == []


def test_a_named_spool_that_is_not_there_is_a_trouble_until_it_comes(make_agent, spool, lines):
    agent = make_agent(spools_are_named=True)
    agent.round()
    is_well, what = agent.metrics.health()
    assert not is_well
    assert what["status"] == "troubled"
    assert what["troubles"][0].startswith(f"there is no spool {spool} yet")
    assert what["troubles"][0] in lines.said
    spool.mkdir()
    agent.round()
    assert agent.metrics.health()[0]
    assert f"the spool {spool} is there now" in lines.said


def test_the_usual_spool_may_be_missing_and_is_told(make_agent, spool, lines):
    agent = make_agent()
    agent.round()
    assert agent.metrics.health()[0]
    assert any(line.startswith(f"there is no spool {spool} yet") for line in lines.said)


def test_a_damaged_file_is_told_with_what_to_do(agent, spool, lines):
    process = dead(spool)
    process.hook()
    process.close()
    process.uses.write_bytes(b"x" * 8192)
    agent.round()
    [line] = [
        line for line in lines.said if line.startswith(f"{process.uses} is left alone: it does not begin as a usage file; ")
    ]
    assert f"`meterize usage --spool {spool}`" in line
    assert line.endswith("keep it until you know what it held, then remove it")
    json.dumps(agent.metrics.health()[1])
