"""The orders of every tenant, in SQLite; a tenant's queries never see another's rows."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Lock

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    tenant TEXT NOT NULL,
    number INTEGER NOT NULL,
    customer TEXT NOT NULL,
    placed TEXT NOT NULL,
    cents INTEGER NOT NULL,
    PRIMARY KEY (tenant, number)
)
"""


class DuplicateOrderError(Exception):
    """The tenant has an order of that number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order; the amount has two decimals."""

    number: int
    customer: str
    placed: date
    amount: Decimal


class OrderBook:
    """Orders by tenant, in a file or in memory; safe to use from many threads."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect(path or ":memory:", check_same_thread=False)
        with self._lock, self._database:
            self._database.execute(SCHEMA)

    def add(self, tenant: str, order: Order) -> None:
        """Keeps an order; DuplicateOrderError if its number is taken."""
        row = (tenant, order.number, order.customer, order.placed.isoformat(), int(order.amount * 100))
        try:
            with self._lock, self._database:
                self._database.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise DuplicateOrderError(f"order {order.number} exists") from error

    def of(self, tenant: str) -> list[Order]:
        """The tenant's orders, oldest first."""
        query = "SELECT number, customer, placed, cents FROM orders WHERE tenant = ? ORDER BY placed, number"
        with self._lock:
            rows = self._database.execute(query, (tenant,)).fetchall()
        return [
            Order(number=number, customer=customer, placed=date.fromisoformat(placed), amount=Decimal(cents) / 100)
            for number, customer, placed, cents in rows
        ]

    def close(self) -> None:
        self._database.close()
