"""The reports: tables made of a tenant's orders, and the formats they can be had in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from decimal import Decimal

import tablib  # type: ignore[import-untyped]

from report_service.orders import Order

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def list_orders(orders: Sequence[Order]) -> tablib.Dataset:
    """Every order."""
    table = tablib.Dataset(headers=["number", "customer", "placed", "amount"], title="Orders")
    for order in orders:
        table.append([order.number, order.customer, order.placed.isoformat(), float(order.amount)])
    return table


def sum_customers(orders: Sequence[Order]) -> tablib.Dataset:
    """Turnover by customer, the best first."""
    turnover: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        turnover[order.customer] += order.amount
    table = tablib.Dataset(headers=["customer", "turnover"], title="Customers")
    for customer, amount in sorted(turnover.items(), key=lambda entry: (-entry[1], entry[0])):
        table.append([customer, float(amount)])
    return table


def sum_months(orders: Sequence[Order]) -> tablib.Dataset:
    """Number of orders and turnover by month."""
    months: defaultdict[str, list[Decimal]] = defaultdict(list)
    for order in orders:
        months[order.placed.strftime("%Y-%m")].append(order.amount)
    table = tablib.Dataset(headers=["month", "orders", "turnover"], title="Months")
    for month, amounts in sorted(months.items()):
        table.append([month, len(amounts), float(sum(amounts))])
    return table


REPORTS: dict[str, Callable[[Sequence[Order]], tablib.Dataset]] = {
    "orders": list_orders,
    "customers": sum_customers,
    "months": sum_months,
}


def export(table: tablib.Dataset, file_format: str) -> bytes:
    """The table in one of MEDIA_TYPES's formats."""
    written: str | bytes = table.export(file_format)
    return written.encode() if isinstance(written, str) else written
