"""Exports over HTTP whose clients hang up: every connection is back at once, and all else goes on meanwhile."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.ledger.made import as_json, event
from tests.ledger.serving import ENVIRONMENT, Serving, command

from meterize_ledger.service.events import take_events
from meterize_ledger.service.ledger import open_ledger


@pytest.fixture
def large(place):
    """A ledger whose export does not fit into what sockets buffer, with tokens of a source and a reader."""
    source = command("token", "add", "--source", "web", database=place)["token"]
    reader = command("token", "add", "--reader", "all", database=place)["token"]
    opened = open_ledger(place)
    for page in range(3):
        take_events(opened, "web", [event(f"{page}-{number}", note="x" * 4000) for number in range(1000)])
    opened.close()
    return place, source, reader


def begin_export(server: Serving, reader: str) -> socket.socket:
    """A client that has read the head and the beginning of an export."""
    client = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])))
    client.settimeout(30)
    client.sendall(f"GET /api/v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {reader}\r\n\r\n".encode())
    client.recv(100)
    return client


def descriptors(server: Serving) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def until_as_before(server: Serving, most: int) -> None:
    end = time.monotonic() + 10
    while descriptors(server) > most:
        assert time.monotonic() < end, (descriptors(server), most)
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted in /proc")
def test_clients_that_hang_up_take_nothing_with_them(large):
    place, source, reader = large
    server = Serving(place, rate=1e5)
    with ExitStack() as held:  # what the pool keeps is there
        for _ in range(4):
            held.enter_context(begin_export(server, reader))
        assert server.client.get(server.url + "/api/v1/health").status_code == 200
        assert server.get("/api/v1/usage", reader).status_code == 200
        assert server.post("/api/v1/counters", as_json({"ada": 1}), source).status_code == 200
    time.sleep(0.5)
    before, slowest, statuses = descriptors(server), 0.0, set()
    ended = threading.Event()

    def hang_up() -> None:
        for _ in range(40):
            begin_export(server, reader).close()
        ended.set()

    thread = threading.Thread(target=hang_up)
    thread.start()
    total = 1
    while not ended.is_set():
        total += 1
        began = time.monotonic()
        statuses |= {
            server.client.get(server.url + "/api/v1/health").status_code,
            server.client.get(server.url + "/metrics").status_code,
            server.post("/api/v1/counters", as_json({"ada": total}), source).status_code,
            server.get("/api/v1/usage", reader).status_code,
        }
        slowest = max(slowest, time.monotonic() - began)
    thread.join()
    assert (statuses, slowest < 4) == ({200}, True), slowest
    until_as_before(server, before)
    server.end()


def test_more_exports_than_are_made_at_once_are_told_to_come_again(large):
    place, source, reader = large
    server = Serving(place, exports=2)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(begin_export(server, reader))
        answer = server.get("/api/v1/export", reader)
        assert (answer.status_code, answer.json()["error"]["slug"]) == (503, "ledger-crowded")
        assert answer.headers["retry-after"] == "1"
        assert server.post("/api/v1/counters", as_json({"ada": 1}), source).status_code == 200
    end = time.monotonic() + 10
    while (answer := server.get("/api/v1/export", reader)).status_code == 503:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert len(answer.text.splitlines()) == 3001
    server.end()


def test_a_client_that_takes_nothing_is_let_go_of(large, monkeypatch):
    """The same server in this process, whose patience can be shortened."""
    import uvicorn

    from meterize_ledger.api import streaming
    from meterize_ledger.api.app import make_app

    monkeypatch.setattr(streaming, "STALLED", 0.3)
    place, _, reader = large
    database = open_ledger(place)
    app = make_app(database)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET /api/v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {reader}\r\n\r\n".encode())
        client.recv(100)
        end = time.monotonic() + 10
        while database.reader.pool.checkedout():
            assert time.monotonic() < end
            time.sleep(0.05)
    server.should_exit = True
    thread.join()
    database.close()


def test_a_server_that_ends_in_the_middle_of_exports_says_nothing_of_it(large, tmp_path):
    place, _, reader = large
    words = ["serve", "--json", "--port", "0", "--database", place]
    process = subprocess.Popen(
        [sys.executable, "-m", "meterize", "ledger", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stdout
    url = ""
    while '"url"' not in url:
        url = process.stdout.readline()
        assert url, process.communicate()
    port = int(url.rpartition(":")[2].rstrip('",\n'))
    clients = []
    for _ in range(3):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(f"GET /api/v1/export HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {reader}\r\n\r\n".encode())
        client.recv(100)
        clients.append(client)
    clients.pop().close()
    process.terminate()
    time.sleep(1)
    for client in clients:
        client.close()
    _, told = process.communicate(timeout=60)
    assert "Exception ignored" not in told, told
    assert "Traceback" not in told, told
