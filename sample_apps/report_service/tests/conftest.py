"""A service with two tenants' orders, spoken to over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from report_service import create_app
from report_service.orders import Order

ORDERS = [
    Order(number=1, customer="Ada", placed=date(2025, 1, 5), amount=Decimal("99.50")),
    Order(number=2, customer="Grace", placed=date(2025, 1, 20), amount=Decimal("300.00")),
    Order(number=3, customer="Ada", placed=date(2025, 2, 1), amount=Decimal("0.50")),
]


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = create_app()
    for order in ORDERS:
        app.state.orders.add("acme", order)
    with TestClient(app) as spoken:
        yield spoken
    app.state.orders.close()
