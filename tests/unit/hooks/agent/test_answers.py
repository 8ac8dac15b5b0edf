"""A ledger that is down, slow, refuses, or answers in halves."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time

import pytest
from tests.agents.files import Process, dead
from tests.agents.stub import TOKEN, LedgerStub, cut_after, cut_before, status


@pytest.fixture
def process(spool):
    process = Process(spool)
    process.hook()
    process.use(times=3)
    return process


@pytest.mark.parametrize(
    "fault",
    [
        cut_before,
        cut_after,
        status(500),
        status(502),
        status(503),
        status(429),
        status(404),
        status(302, {}, Location="http://127.0.0.1:9/"),
        status(200, {"reports": []}),
        status(200, {"status": "fine"}),
        status(200, []),
        status(200, {"reports": [{"incarnation": "another", "counters": 1}]}),
    ],
)
def test_what_was_not_confirmed_is_sent_again(agent, ledger, process, fault):
    ledger.always = fault
    agent.round()
    assert agent.metrics.failures == 1
    assert not agent.metrics.health()[0]
    ledger.always = None
    agent.round()
    assert ledger.total == 3
    assert agent.metrics.health()[0]


@pytest.mark.parametrize("fault", [cut_before, cut_after, status(500), status(200, {"reports": []})])
def test_no_file_goes_unconfirmed(agent, ledger, spool, fault):
    process = dead(spool)
    process.hook()
    process.use()
    process.close()
    ledger.always = fault
    for _ in range(3):
        agent.round()
    assert process.uses.exists()
    ledger.always = None
    agent.round()
    assert not process.uses.exists()
    assert ledger.total == 1


def test_nobody_listens(make_agent, process):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        agent = make_agent(ledger=f"http://127.0.0.1:{free.getsockname()[1]}")
    waits = [agent.round() for _ in range(12)]
    assert all(0 <= wait <= 60 for wait in waits)
    assert max(waits[6:]) > 2, "the bound grows"
    assert len(set(waits)) == 12, "and each is drawn anew"


def test_no_such_host(make_agent, process):
    agent = make_agent(ledger="http://no-such-host.invalid")
    agent.round()
    assert agent.metrics.requests["unavailable"] == 1


def test_a_request_ends_in_time_however_slowly_the_answer_drops_in(make_agent, ledger, process):
    def drip(handler, _):
        for letter in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
            try:
                handler.wfile.write(bytes([letter]))
                handler.wfile.flush()
            except OSError:
                break
            time.sleep(0.02)
        return True

    ledger.always = drip
    agent = make_agent(timeout=0.5)
    began = time.monotonic()
    agent.round()
    assert time.monotonic() - began < 5
    assert agent.metrics.requests["unavailable"] == 1


def test_an_endless_answer_is_not_read_to_its_end(agent, ledger, process):
    def flood(handler, _):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                handler.wfile.write(b" " * 65536)
        except OSError:
            pass
        handler.close_connection = True
        return True

    ledger.always = flood
    agent.round()
    assert agent.metrics.requests["unavailable"] == 1


def test_it_waits_as_long_as_the_ledger_asks(agent, ledger, process):
    ledger.faults = [status(429, None, **{"Retry-After": "7"}), status(503, None, **{"Retry-After": "soon"})]
    assert 7 <= agent.round() <= 8
    assert agent.round() <= 2


@pytest.mark.parametrize("asked", ["nan", "-1", "inf", "1e999", ""])
def test_a_ledger_that_asks_for_no_time_at_all(agent, ledger, process, asked):
    ledger.faults = [status(503, None, **{"Retry-After": asked})]
    assert 0 <= agent.round() <= 3700
    agent.round()
    assert agent.metrics.requests["confirmed"] == 1


def test_a_revoked_token_is_told_and_tried_slowly_until_there_is_another(make_agent, ledger, process, tmp_path, lines):
    token = tmp_path / "token"
    token.write_text("revoked\n")
    agent = make_agent(token_file=str(token), token_text="")
    assert agent.round() >= 30
    assert agent.metrics.requests["unauthorized"] == 1
    assert any("does not accept the token: no such token" in line for line in lines.said)
    token.unlink()
    assert agent.round() >= 30
    token.write_text(TOKEN + "\n")
    agent.round()
    assert ledger.total == 3
    assert agent.metrics.health()[0]


def test_too_large_halves_the_request(make_agent, ledger, spool):
    process = dead(spool)
    for slot in range(64):
        process.hook(slot, f"f{slot}")
        process.use(slot)
    process.close()

    def at_most_ten(handler, document):
        if len(document["reports"][0]["counters"]) <= 10:
            return False
        return status(413)(handler, document)

    ledger.always = at_most_ten
    agent = make_agent()
    agent.round()
    assert ledger.total == 64
    assert not process.uses.exists()
    assert agent.metrics.requests["too-large"] < 10


def test_a_ledger_that_takes_nothing_at_all_stops_no_agent(agent, ledger, spool):
    process = dead(spool)
    for slot in range(5):
        process.hook(slot, f"f{slot}")
        process.use(slot)
    process.close()
    ledger.always = status(413)
    agent.round()
    assert agent.metrics.refused
    assert process.uses.exists()


def bad(wanted, **where):
    """Refuses batches with a counter of that feature, and says where."""

    def fault(handler, document):
        for at, report in enumerate(document["reports"]):
            for number, counter in enumerate(report["counters"]):
                if counter["feature"] == wanted:
                    place = {"report": at, "counter": number} if where.get("counter") else {"report": at}
                    problems = [{**place, "reason": "no"}] if where else []
                    handler.answer(422, {"error": {"message": "bad counter", "problems": problems}})
                    return True
        return False

    return fault


@pytest.mark.parametrize("where", [{"counter": True}, {"report": True}, {}])
def test_a_bad_report_does_not_block_the_others(agent, ledger, spool, lines, where):
    processes = [dead(spool) for _ in range(4)]
    for number, process in enumerate(processes):
        process.hook(0, f"good{number}")
        process.use(0)
        if number == 2:
            process.hook(1, "bad")
            process.use(1)
        process.close()
    ledger.always = bad("bad", **where)
    agent.round()
    assert [process.uses.exists() for process in processes] == [False, False, True, False]
    assert set(ledger.by()) >= {"good0", "good1", "good3"}
    if where.get("counter") or not where:
        assert ledger.by()["good2"] == 1
    assert not agent.metrics.health()[0]
    assert any("will not have a part of" in line for line in lines.said)
    before = len(ledger.requests)
    agent.round()
    assert len(ledger.requests) == before, "it is not offered each round"


def test_what_was_refused_is_offered_again_later(agent, ledger, spool, monkeypatch):
    from meterize_hooks.agent import rounds

    monkeypatch.setattr(rounds, "REFUSED_SECONDS", (0.0, 0.0))
    process = dead(spool)
    process.hook(0, "bad")
    process.use(0)
    process.close()
    ledger.always = bad("bad", counter=True)
    agent.round()
    ledger.always = None
    agent.round()
    assert ledger.total == 1
    assert not process.uses.exists()


@pytest.mark.parametrize(
    "problem", [None, 1, {}, {"report": "0"}, {"report": 99}, {"report": -1}, {"report": 0, "counter": 99}]
)
def test_senseless_problems_stop_nothing(agent, ledger, spool, problem):
    processes = [dead(spool) for _ in range(2)]
    for process in processes:
        process.hook()
        process.use()
        process.close()
    ledger.faults = [status(422, {"error": {"message": "bad", "problems": [problem]}})]
    agent.round()
    agent.round()
    assert ledger.total >= 1


def test_a_request_under_which_the_ledger_falls_over_holds_up_no_other_for_long(make_agent, ledger, spool):
    processes = [Process(spool) for _ in range(20)]
    for number, process in enumerate(processes):
        process.hook(0, f"f{number}")
        process.use(0)

    def fall(handler, document):
        if any(report["incarnation"] == processes[7].incarnation for report in document["reports"]):
            handler.reset()
            return True
        return False

    ledger.always = fall
    agent = make_agent(items=8)
    for _ in range(200):  # some 40 do; on a busy machine requests run out of time besides
        agent.round()
        if len(ledger.by()) == 19:
            break
    assert len(ledger.by()) == 19


def test_https_with_an_authority_of_ones_own(make_agent, spool, process, tmp_path):
    files = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    stub = LedgerStub(context)
    try:
        stranger = make_agent(ledger=stub.url)
        stranger.round()
        assert stranger.metrics.requests["unavailable"] == 1
        assert stub.requests == [], "no token went to somebody unknown"
        known = make_agent(ledger=stub.url, authorities=str(files[0]))
        known.round()
        assert stub.total == 3
        known.round()
        process.use()
        known.round()
        assert stub.total == 4
    finally:
        stub.close()


def certificate(folder):
    key, own = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", own],
        check=True, capture_output=True,
    )  # fmt: skip
    return own, key


def test_one_connection_serves_many_requests_and_its_end_is_no_failure(agent, ledger, process):
    peers = []

    def note(handler, _):
        peers.append(handler.client_address)
        handler.close_connection = len(peers) == 2
        return False

    ledger.always = note
    for _ in range(4):
        process.use()
        agent.round()
    assert len(set(peers)) == 2
    assert agent.metrics.requests == {"confirmed": 4, "too-large": 0, "refused": 0, "unauthorized": 0, "unavailable": 0}


def test_a_request_can_be_cut_from_another_thread(make_agent, ledger, process):
    entered = threading.Event()

    def hang(_handler, _):
        entered.set()
        time.sleep(5)
        return True

    ledger.always = hang
    agent = make_agent(timeout=30.0)
    worker = threading.Thread(target=agent.round)
    worker.start()
    assert entered.wait(5)
    agent.ledger.cut()
    worker.join(3)
    assert not worker.is_alive()


def test_clear_text_to_another_machine_is_told(make_agent, lines):
    make_agent(ledger="http://ledger.example.com")
    assert any("clear text" in line for line in lines.said)


def test_an_outage_of_an_hour_costs_nothing_but_time(agent, ledger, spool, lines, monkeypatch):
    """On a clock of its own: what was counted meanwhile arrives at once when the ledger is back, and the log stays short."""
    live, gone = Process(spool), dead(spool)
    for process in (live, gone):
        process.hook()
        process.use()
    gone.close()
    clock, real = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + clock[0])
    ledger.always = status(503)
    tries = 0
    while clock[0] < 3600:
        clock[0] += agent.round()
        live.use()
        tries += 1
    assert 60 < tries < 500
    assert len(lines.said) == tries, "told each time; the journal says it once in ten minutes"
    ledger.always = None
    agent.round()
    assert ledger.total == 2 + tries
    assert not gone.uses.exists()
    assert agent.metrics.health()[0]
