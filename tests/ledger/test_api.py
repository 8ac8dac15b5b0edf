"""The HTTP interface, asked in this process: what is taken, what is refused and how, who may see what."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.ledger.made import INCARNATION, as_json

from meterize_ledger.api.app import make_app
from meterize_ledger.api.settings import Limits
from meterize_ledger.service.access import make_reader_token, make_source_token, revoke

YEAR = {"from": "2026-01-01", "to": "2027-01-01"}


class Asked(TestClient):
    """A client that may send as ``web`` and read everything."""

    def __init__(self, database, **limits):
        super().__init__(make_app(database, Limits(**limits)))
        self.database = database
        self.source = make_source_token(database, "web")[1]
        self.reader = make_reader_token(database, "all")[1]

    def tell(self, body, path="counters", token=None, kind="application/json"):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.source if token is None else token}", "Content-Type": kind}
        return self.post(f"/api/v1/{path}", content=content, headers=headers)

    def read(self, path="usage", token=None, **parameters):
        headers = {"Authorization": f"Bearer {self.reader if token is None else token}"}
        return self.get(f"/api/v1/{path}", params=parameters, headers=headers)

    def total(self):
        return self.read(**YEAR).json()["total"]


@pytest.fixture
def api(ledger):
    with Asked(ledger) as client:
        yield client


def refused(answer, status, slug):
    found = answer.json()["error"]
    assert (answer.status_code, found["slug"]) == (status, slug), answer.text
    assert found["message"]
    assert found["hint"]
    return found


def event(name="1", **more):
    return {"specversion": "1.0", "type": "xlsx", "source": "shop", "id": name, "subject": "ada", **more}


def test_counters_are_taken(api):
    answer = api.tell(as_json({"ada": 3, None: 2}))
    assert answer.json() == {"reports": [{"incarnation": INCARNATION + "1", "counters": 2, "recorded": 2}]}
    assert api.tell(as_json({"ada": 3})).json()["reports"][0]["recorded"] == 0
    assert api.tell(as_json({"ada": 7})).json()["reports"][0]["recorded"] == 1
    found = api.read(by="subject,day", tz="Asia/Tokyo", **YEAR).json()
    assert found["rows"] == [
        {"subject": "ada", "day": "2026-11-22", "uses": 7},
        {"subject": None, "day": "2026-11-22", "uses": 2},
    ]
    assert (found["total"], found["others"], found["tz"]) == (9, 0, "Asia/Tokyo")


@pytest.mark.parametrize(
    "kind", ["application/json", "application/cloudevents+json", "application/cloudevents+json; charset=UTF-8"]
)
def test_one_event(api, kind):
    for _ in range(2):
        answer = api.tell(event(time="2026-11-22T12:00:00Z"), "events", kind=kind)
        assert (answer.status_code, answer.content) == (204, b"")
    assert api.total() == 1


@pytest.mark.parametrize("kind", ["application/json", "application/cloudevents-batch+json"])
def test_a_batch_of_events(api, kind):
    batch = [event(str(number % 3), data={"value": 5}) for number in range(9)]
    assert api.tell(batch, "events", kind=kind).status_code == 204
    assert api.read("usage", by="feature").json()["rows"] == [{"feature": "xlsx", "uses": 15}]
    assert api.tell([], "events", kind=kind).status_code == 204


def test_events_of_metered_processes_are_counts(api):
    """They may come beside the agent's reports, twice, and out of order."""

    def ours(first, last, **more):
        name = f"tablib/xlsx/1:ada:{first}-{last}"
        data = {"feature": "xlsx", "package": "tablib", "hook": "tablib/xlsx/1", "value": last - first}
        return event(
            name, type="meterize.use", source=f"urn:meterize:{INCARNATION}1", data=data, time="2026-11-22T12:00:00Z", **more
        )

    api.tell([ours(3, 5)], "events")
    api.tell([ours(0, 3), ours(3, 5)], "events")
    api.tell(as_json({"ada": 4}))
    assert api.total() == 5
    api.tell(as_json({"ada": 6}))
    assert api.total() == 6
    wrong = ours(6, 8)
    wrong["data"]["value"] = 9
    refused(api.tell([ours(6, 7), wrong], "events"), 422, "items-refused")
    assert api.total() == 6


def test_a_bad_item_refuses_the_batch_and_is_named(api):
    body = as_json({"a": 1, "b": -1, "": 1, "d": 2**60, "e": "3"})
    body["reports"].append({"incarnation": "x y"})
    problems = refused(api.tell(body), 422, "items-refused")["problems"]
    assert [(each["report"], each.get("counter")) for each in problems] == [(0, 1), (0, 2), (0, 3), (0, 4), (1, None)]
    assert "total" in problems[0]["reason"]
    assert api.total() == 0
    batch = [event("1"), {"id": "2"}, event("3", data={"value": 1.5}), event("4", data=[1])]
    problems = refused(api.tell(batch, "events"), 422, "items-refused")["problems"]
    assert [each["event"] for each in problems] == [1, 3]
    problems = refused(api.tell([batch[0], batch[2]], "events"), 422, "items-refused")["problems"]
    assert [each["event"] for each in problems] == [1]
    assert api.total() == 0


NO_REPORTS = [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"reports": {}}',
        b'{"reports": [NaN]}',
        b"\xff\xfe",
        b'{"reports": ' + b"[" * 100_000,
        b"1" * 5000,
    ]  # fmt: skip


def test_what_is_no_report(api):
    for body in NO_REPORTS:
        assert api.tell(body).status_code in (400, 422)
        assert "error" in api.tell(body).json()
        assert api.tell(body, "events").status_code in (204, 400, 422)
    assert api.total() == 0


def test_texts_that_a_database_cannot_hold(api):
    """A user's odd name must not stop a process from being metered."""
    body = json.dumps(as_json({"nul\0": 1, "lone\udc80": 2, "smile\U0001f600": 3})).encode()
    assert api.tell(body).json()["reports"][0]["recorded"] == 3
    assert api.tell(body).json()["reports"][0]["recorded"] == 0
    subjects = {row["subject"]: row["uses"] for row in api.read(by="subject", **YEAR).json()["rows"]}
    assert subjects == {"nul\\x00": 1, "lone\\udc80": 2, "smile\U0001f600": 3}


def test_more_than_is_taken_at_once(ledger):
    small = Asked(ledger, body=2000, items=3)
    refused(small.tell(as_json({str(number): 1 for number in range(4)})), 413, "batch-too-large")
    refused(small.tell(b" " * 2001), 413, "body-too-large")
    headers = {"Authorization": f"Bearer {small.source}", "Content-Type": "application/json"}
    streamed = small.post("/api/v1/counters", content=iter([b" " * 1000] * 3), headers=headers)
    refused(streamed, 413, "body-too-large")
    assert small.total() == 0
    assert small.tell(as_json({str(number): 1 for number in range(3)})).status_code == 200


def test_compressed_or_of_another_type(api):
    refused(api.tell(b"a=1", kind="application/x-www-form-urlencoded"), 415, "body-type")
    headers = {"Authorization": f"Bearer {api.source}", "Content-Encoding": "gzip"}
    refused(api.post("/api/v1/counters", content=b"{}", headers=headers), 415, "body-type")


def test_too_often(ledger):
    slow = Asked(ledger, rate=0.5, burst=2)
    assert [slow.tell(as_json({"a": 1})).status_code for _ in range(3)] == [200, 200, 429]
    answer = slow.tell(as_json({"a": 9}))
    refused(answer, 429, "too-often")
    assert answer.headers["retry-after"] in ("1", "2")
    assert slow.total() == 1  # another token has a bucket of its own


def test_tokens(api):
    for bad in (
        "",
        "x",
        "mz__",
        "mz_abc_def",
        api.source[:-1],
        api.source + "x",
        f"mz_{api.source.split('_')[1]}_x",
    ):
        answer = api.tell(as_json({"a": 1}), token=bad)
        refused(answer, 401, "token-refused")
        assert answer.headers["www-authenticate"] == "Bearer"
    for odd in (b"", b"Bearer", b"Basic eDp5", b"Bearer mz_\xc3\xa9_\xff", b"Bearer mz_" + b"a" * 9000):
        answer = api.post("/api/v1/counters", content=b"{}", headers=[(b"authorization", odd)])
        refused(answer, 401, "token-refused")
    refused(api.post("/api/v1/counters", content=b"{}"), 401, "token-refused")
    refused(api.tell(as_json({"a": 1}), token=api.reader), 403, "scope-missing")
    refused(api.read(token=api.source), 403, "scope-missing")
    revoke(api.database, api.source.split("_")[1])
    refused(api.tell(as_json({"a": 1})), 401, "token-refused")
    assert api.total() == 0


def test_the_text_of_a_token_is_nowhere(api):
    from sqlalchemy import select

    from meterize_ledger.store.schema import tokens

    with api.database.reading() as connection:
        everything = repr(connection.execute(select(tokens)).all())
    assert api.source.split("_", 2)[2] not in everything
    assert api.source.split("_")[1] in everything


def test_one_subjects_reader_sees_nothing_of_another(api):
    body = as_json({"ada": 3, "bob": 40, None: 500})
    body["reports"][0]["losses"] = [{"reason": "no-room", "package": "tablib", "total": 7}]
    api.tell(body)
    ada = make_reader_token(api.database, "ada", subject="ada")[1]
    for by in ("", "subject", "feature,subject,package,host", "hour", "host,month"):
        answer = api.read(token=ada, by=by, compare="previous", **YEAR)
        assert answer.json()["total"] == 3
        assert "bob" not in answer.text
    assert api.read(token=ada, subject="ada", **YEAR).json()["total"] == 3
    for parameters in ({"subject": "bob"}, {"subject": ["ada", "bob"]}, {"subject": ""}):
        refused(api.read(token=ada, **parameters), 403, "subject-refused")
    refused(api.read("losses", token=ada), 403, "subject-refused")
    export = api.read("export", token=ada)
    assert "bob" not in export.text
    assert sum("kind" in json.loads(line) for line in export.text.splitlines()) == 1
    assert api.read("losses").json()["losses"][0]["total"] == 7
    only_read = make_reader_token(api.database, "r", scopes=("read",))[1]
    refused(api.read("export", token=only_read), 403, "scope-missing")


def test_an_export_over_http_is_proved(api, tmp_path: Path):
    from meterize_ledger.proof import prove, read_rows

    api.tell(as_json({"ada": 3}))
    file = tmp_path / "export.jsonl"
    file.write_bytes(api.read("export").content)
    ends = [(end["source"], end["seq"], end["link"]) for end in api.read("chains").json()["chains"]]
    proof = prove(read_rows(file), ends)
    assert proof.holds
    assert proof.chains[0].uses == 3


MEANINGLESS = [
    {"by": "colour"}, {"by": "hour,day"}, {"by": "subject,subject"},
    {"tz": "Mars/Base"}, {"tz": "../etc/passwd"}, {"tz": ""},
    {"top": "0"}, {"top": "x"}, {"top": "9" * 5000}, {"compare": "next"}, {"form": "2026-01-01"}, {"subject": "a\0"},
    {"from": "yesterday"}, {"from": "0001-01-01", "tz": "Asia/Tokyo"}, {"to": "9999-12-31T23:59:59.999999+00:00"},
    {"from": ["2026-01-01", "2026-01-02"]}, {"from": "2026-02-01", "to": "2026-01-01"}, {"from": "2026-01-01T00:01"},
    {"from": "1971-01-01", "to": "2026-01-01", "by": "hour"},
]  # fmt: skip


def test_questions_that_mean_nothing(api):
    for parameters in MEANINGLESS:
        refused(api.read(**parameters), 422, "question-refused")


def test_what_is_not_there(api):
    refused(api.get("/nothing"), 404, "no-such-path")
    answer = api.delete("/api/v1/usage")
    refused(answer, 405, "wrong-method")
    assert "GET" in answer.headers["allow"]
    refused(api.read("chains", x="1"), 400, "bad-request")


def test_health_metrics_and_description(api):
    assert api.get("/api/v1/health").json() == {"status": "ok"}
    api.tell(as_json({"ada": 3}))
    text = api.get("/metrics").text
    assert 'meterize_ledger_requests_total{path="/api/v1/counters",status="200"} 1.0' in text
    assert 'meterize_ledger_records_total{path="counters"} 1.0' in text
    assert "web" not in text
    assert "ada" not in text
    document = api.get("/api/v1/openapi.json").json()
    assert {route.path for route in api.app.routes} == set(document["paths"])


def test_a_defect_is_no_traceback(api, monkeypatch, capfd):
    from meterize_ledger.api import routes

    def broken(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(routes, "take_reports", broken)
    client = TestClient(api.app, raise_server_exceptions=False)
    answer = client.post("/api/v1/counters", json=as_json({"a": 1}), headers={"Authorization": f"Bearer {api.source}"})
    refused(answer, 500, "ledger-defect")
    assert "secret" not in answer.text
    assert "ZeroDivisionError: secret" in capfd.readouterr().err
