"""What a tenant gets."""

from __future__ import annotations

import io

import tablib  # type: ignore[import-untyped]
from starlette.testclient import TestClient

ACME = {"X-Tenant": "acme"}


def test_orders_as_csv(client: TestClient) -> None:
    answer = client.get("/reports/orders.csv", headers=ACME)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.splitlines() == [
        "number,customer,placed,amount",
        "1,Ada,2025-01-05,99.5",
        "2,Grace,2025-01-20,300.0",
        "3,Ada,2025-02-01,0.5",
    ]


def test_customers_as_json(client: TestClient) -> None:
    answer = client.get("/reports/customers.json", headers=ACME)
    assert answer.json() == [{"customer": "Grace", "turnover": 300.0}, {"customer": "Ada", "turnover": 100.0}]


def test_months_as_xlsx(client: TestClient) -> None:
    answer = client.get("/reports/months.xlsx", headers=ACME)
    table = tablib.Dataset().load(io.BytesIO(answer.content), format="xlsx")
    assert (table.title, table.dict) == (
        "Months",
        [{"month": "2025-01", "orders": 2, "turnover": 399.5}, {"month": "2025-02", "orders": 1, "turnover": 0.5}],
    )


def test_what_there_is(client: TestClient) -> None:
    assert client.get("/reports", headers=ACME).json() == {
        "tenant": "acme",
        "reports": ["customers", "months", "orders"],
        "formats": ["csv", "json", "xlsx"],
    }


def test_unknown_report_or_format(client: TestClient) -> None:
    for name in ("salaries.csv", "orders.exe"):
        assert client.get(f"/reports/{name}", headers=ACME).status_code == 404
