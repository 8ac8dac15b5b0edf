"""What the routes of one server share."""

from __future__ import annotations

from dataclasses import dataclass

from anyio import CapacityLimiter
from starlette.requests import Request

from meterize_ledger.store.database import Database

from .metrics import Metrics
from .rate import Buckets
from .settings import Limits
from .streaming import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The ledger, and how much is taken."""

    database: Database
    limits: Limits
    buckets: Buckets
    metrics: Metrics
    exports: Places
    looks: CapacityLimiter
    """The thread that health is looked at by, and the only one that uses the database's spare connection."""


def state_of(request: Request) -> State:
    """The state of the request's server."""
    state: State = request.app.state.meterize
    return state
