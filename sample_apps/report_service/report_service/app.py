"""The routes."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from report_service.orders import DuplicateOrderError, Order, OrderBook
from report_service.reports import MEDIA_TYPES, REPORTS, export
from report_service.tenants import tenant_of


def create_app(database: Path | None = None) -> Starlette:
    """The service on an order book of its own: a file, or memory."""
    app = Starlette(
        routes=[
            Route("/reports", list_reports),
            Route("/reports/{name}.{file_format}", serve_report),
            Route("/orders", take_order, methods=["POST"]),
        ],
        exception_handlers={HTTPException: show_error},
    )
    app.state.orders = OrderBook(database)
    return app


async def list_reports(request: Request) -> Response:
    return JSONResponse({"tenant": tenant_of(request), "reports": sorted(REPORTS), "formats": sorted(MEDIA_TYPES)})


def serve_report(request: Request) -> Response:
    """Plain function: Starlette runs it in a worker thread, for tablib is no coroutine."""
    tenant = tenant_of(request)
    name, file_format = request.path_params["name"], request.path_params["file_format"]
    if name not in REPORTS or file_format not in MEDIA_TYPES:
        raise HTTPException(404, f"no report {name}.{file_format}")
    table = REPORTS[name](request.app.state.orders.of(tenant))
    return Response(export(table, file_format), media_type=MEDIA_TYPES[file_format])


async def take_order(request: Request) -> Response:
    tenant = tenant_of(request)
    order = read_order(await request.body())
    try:
        await run_in_threadpool(request.app.state.orders.add, tenant, order)
    except DuplicateOrderError as error:
        raise HTTPException(409, str(error)) from error
    return JSONResponse({"number": order.number}, status_code=201)


def read_order(body: bytes) -> Order:
    """The order in a request's body; 422 with what is wrong with it."""
    try:
        fields = json.loads(body)
        order = Order(
            number=int(fields["number"]),
            customer=str(fields["customer"]),
            placed=date.fromisoformat(fields["placed"]),
            amount=Decimal(fields["amount"]),
        )
    except (ValueError, TypeError, KeyError, InvalidOperation) as error:
        raise HTTPException(422, f"no order: {error!r}") from error
    if not order.amount.is_finite() or order.amount != round(order.amount, 2):
        raise HTTPException(422, "no order: an amount has two decimals")
    return order


async def show_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code)
