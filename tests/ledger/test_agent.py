"""The real agent against the real ledger: what either says, the other understands."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

pytest.importorskip("meterize_ledger")

HOOKS = Path(__file__).resolve().parents[2] / "hooks"
if str(HOOKS) not in sys.path:
    sys.path.insert(0, str(HOOKS))

from tests.agents.files import Process, dead  # noqa: E402
from tests.ledger.serving import Serving, command  # noqa: E402

from meterize_hooks.agent.journal import Journal  # noqa: E402
from meterize_hooks.agent.rounds import Agent  # noqa: E402
from meterize_hooks.agent.settings import Settings  # noqa: E402


class Place:
    """A ledger that serves, and a spool."""

    def __init__(self, folder: Path, **limits: int) -> None:
        self.database = str(folder / "ledger.db")
        self.spool = folder / "spool"
        self.token = self.new_token("web")
        self.serving = Serving(self.database, rate=1e5, **limits)

    def new_token(self, source: str) -> str:
        text: str = command("token", "add", "--source", source, database=self.database)["token"]
        return text

    def agent(self, token: str = "") -> Agent:
        told = Settings(ledger=self.serving.url, spools=(str(self.spool),), token_text=token or self.token, timeout=20.0)
        return Agent(told, journal=Journal(None))

    def sum(self, column: str) -> int:
        database = sqlite3.connect(self.database)
        [[found]] = database.execute(f"SELECT coalesce(sum({column.partition('.')[2]}), 0) FROM {column.partition('.')[0]}")
        database.close()
        return int(found)


@pytest.fixture
def place(tmp_path, request):
    made = Place(tmp_path, **getattr(request, "param", {}))
    yield made
    made.serving.kill()


def test_counts_losses_and_the_end_arrive(place):
    process = dead(place.spool)
    process.hook(0)
    process.subject(2, 'a "tenant" \x7f\ud800 ü')
    process.use(0, 0, 3)
    process.use(0, 2, 4)
    process.loss("not-armed", 2)
    agent = place.agent()
    agent.round()
    assert (place.sum("counters.total"), place.sum("losses.total"), place.sum("processes.final")) == (7, 2, 0)
    process.use(0, 2)
    process.close()
    agent.round()
    assert (place.sum("counters.total"), place.sum("records.uses"), place.sum("processes.final")) == (8, 8, 1)
    assert list(place.spool.iterdir()) == []
    assert agent.metrics.health()[0], agent.metrics.troubles


def test_a_process_without_any_use(place):
    process = dead(place.spool)
    process.hook()
    process.close()
    place.agent().round()
    assert place.sum("processes.final") == 1
    assert list(place.spool.iterdir()) == []


@pytest.mark.parametrize("place", [{"items": 7}, {"body": 3000}], indirect=True)
def test_a_ledger_that_takes_little_at_once(place):
    process = dead(place.spool)
    for slot in range(64):
        process.hook(slot, f"f{slot}")
        process.use(slot)
    process.close()
    agent = place.agent()
    agent.round()
    assert agent.metrics.requests["too-large"]
    assert place.sum("records.uses") == 64
    assert list(place.spool.iterdir()) == []


def test_a_total_beyond_the_ledgers_numbers_holds_up_nothing_else(place):
    process = dead(place.spool)
    process.hook(0, "well")
    process.hook(1, "broken")
    process.use(0, 0, 5)
    process.use(1, 0, 1 << 60)
    process.close()
    agent = place.agent()
    agent.round()
    assert place.sum("counters.total") == 5
    assert process.uses.exists()
    assert agent.metrics.refused == 1


def test_a_token_that_is_revoked_while_it_works(place):
    process = Process(place.spool)
    process.hook()
    process.use()
    agent = place.agent()
    agent.round()
    command("token", "revoke", place.token, database=place.database)
    process.use()
    assert agent.round() >= 30
    assert agent.metrics.requests["unauthorized"] == 1
    assert "token" in str(agent.metrics.health()[1]) or agent.metrics.failures == 1
    place.agent(place.new_token("web")).round()
    assert place.sum("counters.total") == 2


def test_another_sources_process_is_set_aside_and_others_are_not(place):
    for _ in range(2):
        process = Process(place.spool)
        process.hook()
        process.use()
        place.agent(place.new_token("elsewhere") if process.cells and place.sum("counters.total") else "").round()
    other = place.agent(place.new_token("third"))
    last = Process(place.spool)
    last.hook()
    last.use()
    other.round()
    assert place.sum("counters.total") == 3
    assert other.metrics.refused == 2


def test_a_ledger_that_is_killed_and_comes_back(place):
    process = dead(place.spool)
    process.hook()
    process.use(times=3)
    agent = place.agent()
    agent.round()
    place.serving.kill()
    process.use()
    process.close()
    agent.round()
    assert process.uses.exists()
    place.serving.start()
    agent.round()
    assert place.sum("records.uses") == 4
    assert not process.uses.exists()


def test_with_nothing_to_send_it_knows_whether_the_ledger_takes_its_token(place):
    place.spool.mkdir()
    agent = place.agent()
    agent.round()
    is_well, what = agent.metrics.health()
    assert is_well
    assert what["last_success"]
    reader = command("token", "add", "--reader", "billing", database=place.database)["token"]
    for token, expected in (("mz_unknown", "one that is not known here"), (reader, "a source's token is needed")):
        stranger = place.agent(token)
        assert stranger.round() >= 30
        is_well, what = stranger.metrics.health()
        assert not is_well
        assert what["last_success"] is None
        [trouble] = what["troubles"]
        assert expected in trouble
        assert token not in trouble


def test_a_url_with_the_path_of_the_interface(place):
    place.spool.mkdir()
    wrong = f"{place.serving.url}/api/v1"
    agent = Agent(Settings(ledger=wrong, spools=(str(place.spool),), token_text=place.token), journal=Journal(None))
    agent.round()
    [trouble] = agent.metrics.health()[1]["troubles"]
    assert trouble == f"there is no ledger at {wrong} (HTTP 404): is it {place.serving.url}, without /api/…?"


def test_https_to_the_plain_port_of_a_ledger(place):
    place.spool.mkdir()
    wrong = place.serving.url.replace("http:", "https:")
    agent = Agent(Settings(ledger=wrong, spools=(str(place.spool),), token_text=place.token), journal=Journal(None))
    agent.round()
    [trouble] = agent.metrics.health()[1]["troubles"]
    assert trouble == f"{wrong} does not speak TLS there: is it {place.serving.url}?"
