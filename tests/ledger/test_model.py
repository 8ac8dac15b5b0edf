"""A plain model of what a ledger must know, against a real server that is fed twice, out of order, and killed at random."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from typing import Any, ClassVar

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.ledger.made import as_json
from tests.ledger.serving import Serving, command

from meterize_ledger.proof import prove
from meterize_ledger.service.exports import Selection, export_rows
from meterize_ledger.service.ledger import open_ledger

SUBJECTS = st.sampled_from(["ada", "bob", "ü", None])
TOTALS = st.dictionaries(SUBJECTS, st.integers(0, 40), min_size=1, max_size=3)
PROCESSES = st.integers(1, 3)
EVENTS = st.lists(st.tuples(st.integers(0, 12), SUBJECTS, st.integers(0, 9)), min_size=1, max_size=6)


class Ledger(RuleBasedStateMachine):
    """Uses are counted up in the model where, and only where, a request was answered or will be repeated until it is."""

    server: ClassVar[Serving]
    token: ClassVar[str]
    reader: ClassVar[str]
    run = 0

    @initialize()
    def begin(self) -> None:
        type(self).run += 1  # each example has processes and events of its own, in the one ledger
        self.counted: dict[tuple[int, str | None], int] = defaultdict(int)
        self.events: dict[str, int] = {}
        self.bodies: list[tuple[str, Any]] = []
        self.before = self.total()

    def total(self) -> int:
        found = self.server.get("/api/v1/usage", self.reader, **{"from": "2026-01-01", "to": "2027-01-01"}).json()
        return int(found["total"])

    def send(self, path: str, body: Any) -> None:
        answer = self.server.post_until_taken(path, body, self.token)
        assert answer.status_code in (200, 204), answer.text

    def report(self, process: int, totals: dict[str | None, int]) -> dict[str, Any]:
        body = as_json(totals, process=process)
        body["reports"][0]["incarnation"] += f"-{self.run}"
        for subject, total in totals.items():
            self.counted[process, subject] = max(self.counted[process, subject], total)
        return body

    @rule(process=PROCESSES, totals=TOTALS)
    def an_agent_reports(self, process, totals):
        body = self.report(process, totals)
        self.bodies.append(("/api/v1/counters", body))
        self.send("/api/v1/counters", body)

    @rule(first=TOTALS, second=TOTALS)
    def reports_come_in_one_batch(self, first, second):
        body = self.report(1, first)
        body["reports"] += self.report(1, second)["reports"] + self.report(2, first)["reports"]
        self.send("/api/v1/counters", body)

    @rule(events=EVENTS)
    def a_client_sends_events(self, events):
        batch = []
        for number, subject, first in events:
            name = f"{self.run}-{number}"
            value = self.events.setdefault(name, first)
            batch.append({
                "specversion": "1.0", "id": name, "source": "shop", "type": "pdf", "subject": subject,
                "time": "2026-11-22T12:00:00Z", "data": {"value": value},
            })  # fmt: skip
        self.bodies.append(("/api/v1/events", batch))
        self.send("/api/v1/events", batch)

    @rule(choice=st.randoms(use_true_random=False))
    def something_is_sent_again(self, choice):
        if self.bodies:
            self.send(*choice.choice(self.bodies))

    @rule(process=PROCESSES, totals=TOTALS)
    def a_batch_is_refused(self, process, totals):
        body = as_json({subject: total + 1000 for subject, total in totals.items()}, process=process)
        body["reports"].append({"incarnation": "?"})
        assert self.server.post("/api/v1/counters", body, self.token).status_code == 422

    @rule()
    def the_server_is_killed(self):
        self.server.kill()
        self.server.start()

    @rule(process=PROCESSES, totals=TOTALS, delay=st.floats(0, 0.02))
    def the_server_is_killed_under_a_request(self, process, totals, delay):
        body = self.report(process, totals)

        def send() -> None:
            with suppress(httpx.TransportError):  # an agent would send it again, and so does this
                self.server.post("/api/v1/counters", body, self.token)

        sender = threading.Thread(target=send)
        sender.start()
        sender.join(delay)
        self.server.kill()
        sender.join()
        self.server.start()
        self.send("/api/v1/counters", body)

    @invariant()
    def the_total_is_exact(self):
        assert self.total() - self.before == sum(self.counted.values()) + sum(self.events.values())


def explore(place: str, examples: int, steps: int) -> None:
    Ledger.token = command("token", "add", "--source", "web", database=place)["token"]
    Ledger.reader = command("token", "add", "--reader", "r", database=place)["token"]
    Ledger.server = Serving(place, rate=1e5)
    try:
        machine = Ledger.TestCase
        machine.settings = settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=examples < 10,
            suppress_health_check=list(HealthCheck),
        )
        machine().runTest()
    finally:
        Ledger.server.kill()
    ledger = open_ledger(place)
    proof = prove(export_rows(ledger, Selection()))
    assert proof.holds
    ledger.close()


def test_a_short_life(place):
    explore(place, examples=3, steps=10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_long_life(place):
    explore(place, examples=40, steps=40)
