"""What each path does. The work runs in threads: the loop only reads bodies and hands out answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from anyio import to_thread
from msgspec import to_builtins
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from meterize_ledger.errors import Forbidden, Malformed
from meterize_ledger.model.token import Grant, Scope
from meterize_ledger.service.access import admit
from meterize_ledger.service.counting import take_reports
from meterize_ledger.service.events import take_events
from meterize_ledger.service.exports import Selection, ends, export_rows
from meterize_ledger.service.health import losses, ping
from meterize_ledger.service.usage import answer

from .bodies import BATCH, PLAIN, SINGLE, decode_events, decode_reports, read_body
from .openapi import document
from .questions import as_mapping, read_question
from .state import state_of
from .streaming import Export


async def _admitted(request: Request, scope: Scope) -> Grant:
    """Whoever sent the request, before its body is read. Raises Unauthorized, Forbidden, TooMany."""
    state = state_of(request)
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    token = text.strip() if kind.lower() == "bearer" else None
    grant = await run_in_threadpool(admit, state.database, token, scope)
    state.buckets.take(grant.id)
    return grant


async def post_counters(request: Request) -> Response:
    """Totals of processes."""
    state, grant = state_of(request), await _admitted(request, "ingest")
    body, _ = await read_body(request, state.limits.body, (PLAIN,))

    def work() -> Response:
        reports = decode_reports(body, state.limits.items)
        taken = take_reports(state.database, str(grant.source), reports)
        state.metrics.items.labels("counters").inc(sum(each.counters for each in taken))
        state.metrics.records.labels("counters").inc(sum(each.recorded for each in taken))
        return JSONResponse({"reports": to_builtins(taken)})

    return await run_in_threadpool(work)


async def post_events(request: Request) -> Response:
    """CloudEvents."""
    state, grant = state_of(request), await _admitted(request, "ingest")
    body, media = await read_body(request, state.limits.body, (SINGLE, BATCH, PLAIN))

    def work() -> Response:
        events = decode_events(body, media, state.limits.items)
        taken = take_events(state.database, str(grant.source), events)
        state.metrics.items.labels("events").inc(len(events))
        state.metrics.records.labels("events").inc(taken.recorded)
        state.metrics.differing.labels("events").inc(taken.differing)
        return Response(status_code=204)

    return await run_in_threadpool(work)


async def get_usage(request: Request) -> Response:
    """Uses by groups and units of time."""
    state, grant = state_of(request), await _admitted(request, "read")
    question = read_question(request.query_params, grant, datetime.now(UTC))
    return JSONResponse(as_mapping(await run_in_threadpool(answer, state.database, question)))


async def get_losses(request: Request) -> Response:
    """What could not be metered."""
    state, grant = state_of(request), await _admitted(request, "read")
    _nothing_asked(request)
    _everybodys(grant)
    return JSONResponse({"losses": to_builtins(await run_in_threadpool(losses, state.database))})


async def get_chains(request: Request) -> Response:
    """The end of every source's chain."""
    state, _ = state_of(request), await _admitted(request, "export")
    _nothing_asked(request)
    return JSONResponse({"chains": to_builtins(await run_in_threadpool(ends, state.database))})


async def get_export(request: Request) -> Response:
    """The records, as JSON lines that `meterize ledger prove` reads."""
    state, grant = state_of(request), await _admitted(request, "export")
    _nothing_asked(request)

    selection = Selection(subject=grant.subject)
    return Export(lambda: export_rows(state.database, selection), state.exports)


async def get_health(request: Request) -> Response:
    """Whether the database answers. Nobody has to say who they are."""
    state = state_of(request)
    # It does not queue up with those who wait for a thread.
    await to_thread.run_sync(ping, state.database, limiter=state.looks)
    return JSONResponse({"status": "ok"})


async def get_openapi(request: Request) -> Response:
    """The description of all of this."""
    return JSONResponse(document(state_of(request).limits))


async def get_metrics(request: Request) -> Response:
    """The server's own numbers."""
    return Response(state_of(request).metrics.text(), media_type="text/plain; version=0.0.4")


def _everybodys(grant: Grant) -> None:
    if grant.subject is not None:
        raise Forbidden(
            "this token reads one subject's uses alone",
            slug="subject-refused",
            hint="Use a token that may read everybody's.",
        )


def _nothing_asked(request: Request) -> None:
    unknown: list[Any] = list(request.query_params)
    if unknown:
        raise Malformed(f"there is no parameter {unknown[0]!r}", slug="bad-request", hint="Leave it out.")
