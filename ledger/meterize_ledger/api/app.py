"""The application: its routes, its errors, its numbers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from meterize_ledger.errors import LedgerError, Unavailable
from meterize_ledger.store.database import Database

from . import routes
from .failure import answer, on_defect, on_http_error, on_ledger_error
from .metrics import Metrics
from .rate import Buckets
from .settings import Limits
from .state import State
from .streaming import Places

ROUTES = (
    Route("/api/v1/counters", routes.post_counters, methods=["POST"]),
    Route("/api/v1/events", routes.post_events, methods=["POST"]),
    Route("/api/v1/usage", routes.get_usage),
    Route("/api/v1/losses", routes.get_losses),
    Route("/api/v1/chains", routes.get_chains),
    Route("/api/v1/export", routes.get_export),
    Route("/api/v1/health", routes.get_health),
    Route("/api/v1/openapi.json", routes.get_openapi),
    Route("/metrics", routes.get_metrics),
)
OPEN = frozenset({"/api/v1/health", "/metrics"})
PATHS = frozenset(route.path for route in ROUTES)


def make_app(database: Database, limits: Limits | None = None) -> Starlette:
    """The ledger as an ASGI application. The database stays its caller's to close."""
    limits = limits or Limits()
    state = State(
        database=database,
        limits=limits,
        buckets=Buckets(limits),
        metrics=Metrics(),
        exports=Places(limits.exports),
        looks=CapacityLimiter(1),
    )
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Measured, metrics=state.metrics), Middleware(Bounded, most=limits.at_once)],
        exception_handlers={LedgerError: on_ledger_error, HTTPException: on_http_error, Exception: on_defect},
    )
    app.state.meterize = state
    return app


class Measured:
    """Counts and times requests."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in PATHS else "other"
        began = time.perf_counter()
        with self._metrics.under_way.track_inprogress():
            await self._app(scope, receive, self._counted(send, path))
        self._metrics.seconds.labels(path).observe(time.perf_counter() - began)

    def _counted(self, send: Send, path: str) -> Callable[[Message], Awaitable[None]]:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(path, str(message["status"])).inc()
            await send(message)

        return counted


class Bounded:
    """Answers so many requests at once, and tells the others to come again: what is read of each is in memory.

    Health and metrics are answered even then: whoever looks after the server has to see that it is full, not down.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most, self._here = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        if self._here >= self._most:
            await answer(_crowded())(scope, receive, send)
            return
        self._here += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._here -= 1


def _crowded() -> Unavailable:
    return Unavailable(
        "as many requests as the server takes at once are being answered",
        slug="ledger-crowded",
        hint="Send the same again in a moment. Nothing of it was read.",
    )
