"""Bodies: read up to a limit, and decoded into values, or into a list of what is wrong with which item."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from msgspec import DecodeError, Struct, ValidationError, convert
from msgspec.json import Decoder
from starlette.requests import Request

from meterize_ledger.errors import Malformed, Problem, Refused, TooLarge, WrongType
from meterize_ledger.model.event import Event
from meterize_ledger.model.report import Counter, Loss, Report
from meterize_ledger.model.text import storable

SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
PLAIN: Final = "application/json"


class Reports(Struct, frozen=True, kw_only=True):
    """The body of ``POST /api/v1/counters``."""

    reports: tuple[Report, ...]


_REPORTS: Final = Decoder(Reports)
_EVENT: Final = Decoder(Event)
_EVENTS: Final = Decoder(tuple[Event, ...])


async def read_body(request: Request, limit: int, types: Sequence[str]) -> tuple[bytes, str]:
    """The body and its media type. Raises TooLarge as soon as it is, WrongType."""
    media = request.headers.get("content-type", PLAIN).partition(";")[0].strip().lower()
    if media not in types or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongType(
            f"the body is neither of {', '.join(types)}, or it is compressed",
            slug="body-type",
            hint="Send plain JSON, and say so in Content-Type.",
        )
    length = request.headers.get("content-length", "0")
    parts, size = [], int(length) if length.isdecimal() else 0
    if size <= limit:
        size = 0
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > limit:
                break
    if size > limit:
        raise TooLarge(
            f"the body is larger than {limit} bytes",
            slug="body-too-large",
            hint="Send several smaller batches. Nothing of it was recorded.",
        )
    return b"".join(parts), media


def decode_reports(body: bytes, limit: int) -> tuple[Report, ...]:
    """The reports. Raises Malformed, Refused with every bad item, TooLarge."""
    reports = _fast(_REPORTS, body)
    found = reports.reports if reports is not None else _slow_reports(body)
    _bound(sum(len(report.counters) + len(report.losses) for report in found), limit)
    return found


def decode_events(body: bytes, media: str, limit: int) -> tuple[Event, ...]:
    """The events: one or a list of them, as the media type says. Raises Malformed, Refused with every bad one, TooLarge."""
    is_list = media == BATCH or (media == PLAIN and body.lstrip()[:1] == b"[")
    found: tuple[Event, ...] | None
    if is_list:
        found = _fast(_EVENTS, body)
    else:
        single = _fast(_EVENT, body)
        found = None if single is None else (single,)
    if found is None:
        found = _slow_events(body, is_list=is_list)
    _bound(len(found), limit)
    return found


def _fast(decoder: Decoder[Any], body: bytes) -> Any:
    """The values; None where something is wrong, or has to be looked at more closely."""
    if b"\\u0000" in body:
        return None
    try:
        return decoder.decode(body)
    except (DecodeError, RecursionError):
        return None


def _slow_reports(body: bytes) -> tuple[Report, ...]:
    whole = _parsed(body)
    items = whole.get("reports") if isinstance(whole, dict) else None
    if not isinstance(items, list):
        raise Malformed(
            'the body is not {"reports": […]}', slug="body-not-json", hint="GET /api/v1/openapi.json says what it is."
        )
    problems: list[Problem] = []
    found = []
    for index, item in enumerate(items):
        parts: dict[str, Any] = {}
        for name, one, kind in (("counters", "counter", Counter), ("losses", "loss", Loss)):
            listed = item.get(name, []) if isinstance(item, dict) else []
            if isinstance(listed, list):
                parts[name] = tuple(_each(listed, kind, problems, {"report": index}, one))
        bare = {**item, **{name: [] for name in parts}} if isinstance(item, dict) else item
        found += [(report, parts) for report in _each([bare], Report, problems, {"report": index}, None)]
    if problems:
        _refuse(problems)
    return tuple(
        Report(
            incarnation=report.incarnation,
            host=report.host,
            pid=report.pid,
            started=report.started,
            seen=report.seen,
            final=report.final,
            counters=parts["counters"],
            losses=parts["losses"],
        )
        for report, parts in found
    )


def _slow_events(body: bytes, *, is_list: bool) -> tuple[Event, ...]:
    whole = _parsed(body)
    if isinstance(whole, list) != is_list:
        raise Malformed(
            "a batch is a list of events, a single event an object", slug="body-not-json", hint="Mind the Content-Type."
        )
    problems: list[Problem] = []
    found = tuple(_each(whole if is_list else [whole], Event, problems, {}, "event"))
    if problems:
        _refuse(problems)
    return found


def _each(items: list[Any], kind: type[Any], problems: list[Problem], where: dict[str, int], one: str | None) -> list[Any]:
    found = []
    for index, item in enumerate(items):
        try:
            found.append(convert(item, kind))
        except (ValidationError, RecursionError) as error:
            problems.append({**where, **({} if one is None else {one: index}), "reason": str(error)})
    return found


def _parsed(body: bytes) -> Any:
    try:
        return storable(json.loads(body.decode(), parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}", slug="body-not-json", hint="Nothing of it was recorded.") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refuse(problems: list[Problem]) -> NoReturn:
    raise Refused(
        f"{len(problems)} items cannot be taken",
        slug="items-refused",
        hint="Mend or leave out those listed, and send the others again. Nothing of the request was recorded.",
        problems=problems[:1000],
    )


def _bound(items: int, limit: int) -> None:
    if items > limit:
        raise TooLarge(
            f"{items} items at once are more than {limit}",
            slug="batch-too-large",
            hint="Send several smaller batches. Nothing of it was recorded.",
        )
