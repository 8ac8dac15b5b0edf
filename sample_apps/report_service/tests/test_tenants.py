"""Whose orders they are."""

from __future__ import annotations

from starlette.testclient import TestClient

ORDER = {"number": 1, "customer": "Lin", "placed": "2025-03-01", "amount": "12.34"}


def test_no_tenant_sees_anothers_orders(client: TestClient) -> None:
    assert client.post("/orders", json=ORDER, headers={"X-Tenant": "globex"}).status_code == 201
    assert client.get("/reports/orders.json", headers={"X-Tenant": "globex"}).json() == [
        {"number": 1, "customer": "Lin", "placed": "2025-03-01", "amount": 12.34}
    ]
    assert len(client.get("/reports/orders.json", headers={"X-Tenant": "acme"}).json()) == 3


def test_no_tenant_no_report(client: TestClient) -> None:
    answer = client.get("/reports/orders.csv")
    assert (answer.status_code, answer.json()) == (401, {"error": "no X-Tenant header"})


def test_not_a_tenants_name(client: TestClient) -> None:
    assert client.get("/reports/orders.csv", headers={"X-Tenant": "../etc"}).status_code == 400


def test_an_order_is_taken_once(client: TestClient) -> None:
    assert client.post("/orders", json=ORDER, headers={"X-Tenant": "acme"}).status_code == 409


def test_what_is_no_order(client: TestClient) -> None:
    wrong: list[dict[str, object]] = [
        {"placed": "soon"},
        {"amount": "a lot"},
        {"amount": "1.234"},
        {"amount": "NaN"},
        {"number": None},
    ]
    for body in ({}, [], *({**ORDER, **part} for part in wrong)):
        assert client.post("/orders", json=body, headers={"X-Tenant": "initech"}).status_code == 422
