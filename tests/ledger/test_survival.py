"""What may happen to a ledger: its server killed, its database locked, restarted, its token revoked; the total stays exact."""

from __future__ import annotations

import random
import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

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
from meterize_ledger.store.schema import metadata, records

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
