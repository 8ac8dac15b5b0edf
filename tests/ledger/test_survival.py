"""What may happen to a ledger: its server killed, its database locked, restarted, its token revoked; the total stays exact."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2 as httpx
import pytest
from sqlalchemy import func, select
from tests.ledger.made import as_json, counter, event, report
from tests.ledger.serving import Serving, command

from meterize_ledger.errors import Unavailable
from meterize_ledger.proof import prove
from meterize_ledger.service.access import make_source_token
from meterize_ledger.service.counting import take_reports
from meterize_ledger.service.events import take_events
from meterize_ledger.service.exports import Selection, export_rows
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.store.database import Database
from meterize_ledger.store.schema import accounts, metadata, records

MANY = 1500


def recorded(ledger: Database) -> tuple[int, int]:
    """How many records there are and how many uses, in chains that hold."""
    with ledger.reading() as connection:
        found = connection.execute(select(func.count(), func.coalesce(func.sum(records.c.uses), 0))).one()
    assert found[0] == 0 or prove(export_rows(ledger, Selection())).holds
    return int(found[0]), int(found[1])


@pytest.fixture
def served(place):
    token = command("token", "add", "--source", "web", database=place)["token"]
    server = Serving(place)
    yield server, token, place
    server.kill()


def test_a_server_killed_in_mid_batch_has_recorded_all_or_nothing(served):
    server, token, place = served
    ledger, chance = open_ledger(place), random.Random(place)
    for turn in (1, 2):
        body = as_json({f"s{number}": turn for number in range(MANY)})
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(server.post_until_taken, "/api/v1/counters", body, token)
            time.sleep(chance.uniform(0.02, 0.3))
            server.kill()
            rows, uses = recorded(ledger)
            assert rows == uses
            assert rows in ((turn - 1) * MANY, turn * MANY)
            server.start()
            assert sent.result().status_code == 200
        assert recorded(ledger) == (turn * MANY, turn * MANY)
    ledger.close()


def test_postgresql_restarted_in_mid_batch(postgres, tmp_path):
    postgres.run(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    place = postgres.url("postgres")
    token = command("token", "add", "--source", "web", database=place)["token"]
    server = Serving(place)
    with ThreadPoolExecutor(2) as pool:
        for turn, how in ((1, signal.SIGQUIT), (2, signal.SIGINT)):
            body = as_json({f"s{number}": turn for number in range(MANY)})
            sent = pool.submit(server.post_until_taken, "/api/v1/counters", body, token)
            time.sleep(0.15)
            postgres.stop(how)
            answer = server.get("/api/v1/health", token)
            assert (answer.status_code, answer.json()["error"]["slug"]) == (503, "ledger-unavailable")
            assert answer.headers["retry-after"]
            postgres.start()
            assert sent.result().status_code == 200
    server.end()
    ledger = open_ledger(place)
    assert recorded(ledger) == (2 * MANY, 2 * MANY)
    ledger.close()


def test_sqlite_locked_by_another(tmp_path):
    path = tmp_path / "ledger.db"
    ledger = open_ledger(path, patience=0.2)
    make_source_token(ledger, "web")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as busy:
        take_reports(ledger, "web", [report(counter(3))])
    assert busy.value.slug == "ledger-busy"
    assert recorded(ledger) == (0, 0)  # who reads need not wait
    other.execute("ROLLBACK")
    take_reports(ledger, "web", [report(counter(3))])
    assert recorded(ledger) == (1, 3)
    ledger.close()


def test_a_token_is_revoked_while_the_server_runs(served):
    server, token, place = served
    assert server.post("/api/v1/counters", as_json({"ada": 1}), token).status_code == 200
    command("token", "revoke", token, database=place)
    assert server.post("/api/v1/counters", as_json({"ada": 2}), token).status_code == 401
    again = command("token", "add", "--source", "web", database=place)["token"]
    assert server.post("/api/v1/counters", as_json({"ada": 3}), again).status_code == 200
    ledger = open_ledger(place)
    assert recorded(ledger) == (2, 3)
    ledger.close()


def test_many_at_once_neither_lose_nor_double(ledger):
    """Two sources, the same accounts and hours, the same events: they meet in every table."""
    make_source_token(ledger, "other")
    failed = []

    def send(worker: int) -> None:
        source = ("web", "other")[worker % 2]
        try:
            for turn in range(1, 9):
                process = 1 + worker % 4
                take_reports(
                    ledger, source, [report(*(counter(turn, f"s{(n * worker) % 7}") for n in range(7)), process=process)]
                )
                take_events(ledger, source, [event(f"e{turn}-{n}") for n in random.Random(worker).sample(range(20), 20)])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    reported = sum(8 * len({(n * worker) % 7 for n in range(7)}) for worker in range(4))
    assert recorded(ledger)[1] == reported + 8 * 20


def test_memory_and_disk_give_way_in_words(tmp_path):
    """A file that may not grow any more."""
    ledger = open_ledger(tmp_path / "ledger.db")
    make_source_token(ledger, "web")
    with ledger.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 60")
        connection.rollback()
    with pytest.raises(Unavailable) as full:
        take_reports(ledger, "web", [report(*(counter(1, f"s{n}") for n in range(5000)))])
    assert full.value.slug == "ledger-full"
    assert recorded(ledger) == (0, 0)
    take_reports(ledger, "web", [report(counter(1))])
    assert recorded(ledger) == (1, 1)
    ledger.close()


def test_two_servers_on_one_postgresql(postgres):
    """Each sender talks to both by turns, and sends again; sources, processes, accounts, hours and events are the same ones."""
    postgres.run(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    place = postgres.url("postgres")
    tokens = [command("token", "add", "--source", name, database=place)["token"] for name in ("web", "other")]
    servers = [Serving(place, rate=1e5) for _ in range(2)]
    reader = command("token", "add", "--reader", "r", database=place)["token"]

    pdf = {"specversion": "1.0", "source": "shop", "type": "pdf", "time": "2026-11-22T12:00:00Z"}

    def send(worker: int) -> None:
        token, chance = tokens[worker % 2], random.Random(worker)
        for turn in range(1, 7):
            names = ["ada", "bob", f"s{worker}"]
            body = as_json(dict.fromkeys(names, turn), process=1 + worker % 2)
            batch = [{**pdf, "id": f"{turn}-{number}"} for number in chance.sample(range(9), 9)]
            for server in chance.sample(servers, 2):
                assert server.post_until_taken("/api/v1/counters", body, token).status_code == 200
                assert server.post_until_taken("/api/v1/events", batch, token).status_code == 204

    with ThreadPoolExecutor(6) as pool:
        for sent in [pool.submit(send, worker) for worker in range(6)]:
            sent.result()
    uses = 6 * (2 * 2 + 6) + 6 * 9  # ada and bob of two processes, six more subjects; events of one (source, id) each
    period = {"from": "2026-01-01", "to": "2027-01-01"}
    assert [server.get("/api/v1/usage", reader, **period).json()["total"] for server in servers] == [uses, uses]
    for server in servers:
        server.end()
    ledger = open_ledger(place)
    assert recorded(ledger)[1] == uses
    ledger.close()


def test_a_crowd_is_told_to_come_again_in_json(tmp_path):
    place = str(tmp_path / "ledger.db")
    token = command("token", "add", "--source", "web", database=place)["token"]
    server = Serving(place, at_once=1)
    other = sqlite3.connect(place, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # whoever comes first waits
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.post_until_taken, "/api/v1/counters", as_json({"ada": 1}), token)
        answers = []
        while len(answers) < 100 and (not answers or answers[-1].status_code != 503):
            time.sleep(0.05)
            answers.append(httpx.get(f"{server.url}/api/v1/health"))
            answers.append(httpx.get(f"{server.url}/api/v1/chains"))
        assert {each.status_code for each in answers[::2]} == {200}  # health is asked for no matter how full it is
        assert answers[-1].json()["error"]["slug"] == "ledger-crowded"
        assert answers[-1].headers["retry-after"] == "1"
        other.execute("ROLLBACK")
        assert first.result().status_code == 200
    other.close()
    server.end()


def test_what_a_crowd_was_told_is_durable_is_there_after_a_kill(tmp_path):
    """They share transactions, each answered for its own: who was told so finds it, and nobody finds half of a request."""
    place = str(tmp_path / "ledger.db")
    token = command("token", "add", "--source", "web", database=place)["token"]
    server = Serving(place, rate=1e5)
    told: dict[str, int] = {}

    def send(name: str) -> None:
        with httpx.Client(timeout=60) as client:
            for total in range(1, 1000):
                body = json.dumps(as_json({name: total, f"{name}'s twin": total}, process=ord(name) - ord("a")))
                try:
                    answer = client.post(
                        f"{server.url}/api/v1/counters", content=body, headers={"Authorization": f"Bearer {token}"}
                    )
                except httpx.TransportError:
                    return
                assert answer.status_code == 200
                told[name] = total

    names = "abcdefgh"
    with ThreadPoolExecutor(len(names)) as pool:
        sent = [pool.submit(send, name) for name in names]
        while len(told) < len(names) or min(told.values()) < 5:
            assert not any(each.done() for each in sent)
            time.sleep(0.01)
        server.kill()
        for each in sent:
            each.result()
    ledger = open_ledger(place)
    recorded(ledger)
    with ledger.reading() as connection:
        query = select(accounts.c.subject, func.sum(records.c.uses)).join_from(records, accounts).group_by(accounts.c.subject)
        found = {row[0]: row[1] for row in connection.execute(query)}
    assert all(found[name] in (total, total + 1) for name, total in told.items())
    assert all(found[name] == found[f"{name}'s twin"] for name in names)
    ledger.close()
