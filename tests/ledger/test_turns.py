"""Those who wait at once are written together: each is answered for itself, once what it sent is durable."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.ledger.made import counter, event, report

from meterize_ledger.errors import Refused, Unavailable
from meterize_ledger.proof import prove
from meterize_ledger.service.access import make_source_token
from meterize_ledger.service.counting import take_reports
from meterize_ledger.service.events import take_events
from meterize_ledger.service.exports import Selection, export_rows
from meterize_ledger.service.ledger import open_ledger
from meterize_ledger.store.arrays import array

TEXTS = st.lists(st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1)


@pytest.fixture
def ledger(tmp_path):
    opened = open_ledger(tmp_path / "ledger.db", patience=5)
    make_source_token(opened, "web")
    yield opened
    opened.close()


class Crowd:
    """Works that come while the writer is busy, and so wait together."""

    def __init__(self, ledger) -> None:
        self.ledger, self.pool, self.sent = ledger, ThreadPoolExecutor(16), []
        self.begun, self.go = threading.Event(), threading.Event()
        self.first = self.pool.submit(ledger.write, self._hold)
        assert self.begun.wait(10)

    def _hold(self, connection) -> None:
        self.begun.set()
        self.go.wait(30)

    def send(self, call, *given) -> None:
        before = len(self.ledger.turns._waiting)
        self.sent.append(self.pool.submit(call, *given))
        while len(self.ledger.turns._waiting) == before:
            pass

    def results(self):
        self.go.set()
        self.first.result(30)
        found = [each.exception(30) or each.result() for each in self.sent]
        self.pool.shutdown()
        return found


def uses(ledger) -> int:
    proof = prove(export_rows(ledger, Selection()))
    assert proof.holds
    return sum(chain.uses for chain in proof.chains)


def commits(ledger, call) -> int:
    """How many transactions it takes."""
    from sqlalchemy import event as happening

    found: list[object] = []
    happening.listen(ledger.writer, "commit", found.append)
    call()
    return len(found)


def test_who_waits_at_once_shares_a_transaction(ledger):
    crowd = Crowd(ledger)
    for process in range(1, 9):
        crowd.send(take_reports, ledger, "web", [report(counter(process), process=process)])
    found = []
    done = commits(ledger, lambda: found.extend(crowd.results()))
    assert [each[0].recorded for each in found] == [1] * 8
    assert uses(ledger) == sum(range(1, 9))
    assert done == 2  # the one that kept them waiting, and theirs


def test_one_that_is_refused_spoils_no_other(ledger):
    make_source_token(ledger, "other")
    take_reports(ledger, "web", [report(counter(1))])
    crowd = Crowd(ledger)
    crowd.send(take_reports, ledger, "web", [report(counter(3))])
    crowd.send(take_reports, ledger, "other", [report(counter(7), process=2), report(counter(9))])  # another source's process
    crowd.send(take_events, ledger, "web", [event("1", value=5)])
    first, second, third = crowd.results()
    assert (first[0].recorded, third.recorded) == (1, 1)
    assert isinstance(second, Refused)
    assert uses(ledger) == 8


def test_one_that_breaks_spoils_no_other(ledger):
    def broken(connection):
        connection.exec_driver_sql("UPDATE sources SET uses = uses + 1000")
        raise ZeroDivisionError

    crowd = Crowd(ledger)
    crowd.send(take_reports, ledger, "web", [report(counter(3))])
    crowd.send(ledger.write, broken)
    crowd.send(take_events, ledger, "web", [event("1", value=5)])
    first, second, third = crowd.results()
    assert (first[0].recorded, third.recorded) == (1, 1)
    assert isinstance(second, ZeroDivisionError)
    assert uses(ledger) == 8


def test_a_transaction_that_does_not_begin_is_told_to_all(tmp_path):
    ledger = open_ledger(tmp_path / "ledger.db", patience=0.3)
    make_source_token(ledger, "web")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(take_reports, ledger, "web", [report(counter(3), process=n)]) for n in range(1, 9)]
        found = [each.exception(30) for each in sent]
    assert {getattr(each, "slug", each) for each in found} == {"ledger-busy"}
    assert all(isinstance(each, Unavailable) for each in found)
    other.close()
    take_reports(ledger, "web", [report(counter(3))])
    assert uses(ledger) == 3
    ledger.close()


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=TEXTS, numbers=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1), raw=st.lists(st.binary()))
def test_lists_arrive_in_postgresql_as_they_are(postgres, texts, numbers, raw):
    statement = "SELECT %s::text[], %s::bigint[], %s::bytea[]"
    row = postgres.ask(statement, array(texts), array(numbers), array(raw))
    assert row == (texts, numbers, raw)
