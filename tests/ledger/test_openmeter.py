"""OpenMeter's own Python client, as it is, sends events to the ledger."""

from __future__ import annotations

import datetime
import uuid

import pytest
from tests.ledger.serving import Serving, command

openmeter = pytest.importorskip("openmeter", reason="pip install --pre openmeter")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("openmeter") / "ledger.db")
    source = command("token", "add", "--source", "shop", database=place)["token"]
    reader = command("token", "add", "--reader", "r", database=place)["token"]
    server = Serving(place)
    yield server, source, reader
    server.end()


def made(name: str, **more: object):
    from openmeter.models import Event

    now = datetime.datetime.now(datetime.UTC)
    return Event(id=name, source="my-app", specversion="1.0", type="prompt", subject="customer-1", time=now, **more)


def total(server, reader) -> int:
    return server.get("/api/v1/usage", reader).json()["total"]


def test_its_client_sends_unchanged(served):
    server, source, reader = served
    client = openmeter.Client(endpoint=server.url, token=source)
    name = str(uuid.uuid4())
    for _ in range(2):
        client.events.ingest_event(made(name, data={"tokens": 100, "model": "gpt-4o", "type": "input"}))
    assert total(server, reader) == 1
    client.events.ingest_events([made(f"{name}-{number}", data={"value": "4"}) for number in (0, 1, 1)])
    assert total(server, reader) == 9
    client.events.ingest_events_json([made(f"{name}-2"), made(name)])
    client.events.ingest_events_json(made(f"{name}-3"))
    assert total(server, reader) == 11
    client.close()


def test_its_client_understands_a_refusal(served):
    from corehttp.exceptions import ClientAuthenticationError, HttpResponseError

    server, source, _ = served
    with pytest.raises(ClientAuthenticationError):
        openmeter.Client(endpoint=server.url, token="mz_wrong_token").events.ingest_event(made("1"))
    with pytest.raises(HttpResponseError) as refused:
        openmeter.Client(endpoint=server.url, token=source).events.ingest_event(made("", data={"value": -1}))
    assert refused.value.status_code == 422
