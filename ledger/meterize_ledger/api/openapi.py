"""The OpenAPI document: written by hand where it says what a path means, by msgspec where it says what a value is."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from meterize_ledger.model.event import Event
from meterize_ledger.model.question import DIMENSIONS, UNITS
from meterize_ledger.model.record import Link
from meterize_ledger.model.report import Taken
from meterize_ledger.store.losses import Lost

from .bodies import BATCH, PLAIN, SINGLE, Reports
from .settings import Limits

MEANINGS: Final = {
    400: "cannot be read",
    401: "no token, or one that is not known, or was revoked",
    403: "the token is not for this",
    413: "more at once than is taken",
    415: "not JSON, or compressed",
    422: "can be read and cannot be meant; `problems` says which items and why",
    429: "too often; `Retry-After` says how long to wait",
    503: "the database cannot take it now; send the same again",
}
SENDING: Final = (400, 401, 403, 413, 415, 422, 429, 503)
READING: Final = (400, 401, 403, 422, 429, 503)


def document(limits: Limits) -> dict[str, Any]:
    """The description of the server, with its own limits."""
    schemas = msgspec.json.schema_components([Reports, Event, Taken, Link, Lost], ref_template="#/components/schemas/{name}")[1]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "meterize ledger",
            "version": "1",
            "description": f"At most {limits.body} bytes and {limits.items} items a request, {limits.rate:g} of them a second.",
        },
        "paths": _paths(),
        "components": {
            "schemas": {**schemas, "Error": _ERROR},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> dict[str, Any]:
    listed = {"type": "array", "items": _ref("Event")}
    bodies = {SINGLE: _ref("Event"), BATCH: listed, PLAIN: {"oneOf": [_ref("Event"), listed]}}
    taken = _object(reports={"type": "array", "items": _ref("Taken")})
    post, get = "post", "get"
    return {
        "/api/v1/counters": {post: _sending("Totals of processes: all of them, or none", {PLAIN: _ref("Reports")}, 200, taken)},
        "/api/v1/events": {post: _sending("CloudEvents: all of them, or none; each (source, id) once", bodies, 204, None)},
        "/api/v1/usage": {get: {**_reading("Uses by groups and units of time", PLAIN, _ANSWER), "parameters": _PARAMETERS}},
        "/api/v1/losses": {get: _reading("What could not be metered", PLAIN, _object(losses=_array("Lost")))},
        "/api/v1/chains": {get: _reading("The end of every source's chain", PLAIN, _object(chains=_array("Link")))},
        "/api/v1/export": {get: _reading("Records as JSON lines, to be proved", "application/x-ndjson", {"type": "string"})},
        "/api/v1/health": {get: _open("Whether the database answers", PLAIN, {"type": "object"}, (503,))},
        "/api/v1/openapi.json": {get: _open("This document", PLAIN, {"type": "object"}, ())},
        "/metrics": {get: _open("The server's numbers, for Prometheus", "text/plain", {"type": "string"}, ())},
    }


def _sending(summary: str, bodies: dict[str, Any], status: int, schema: dict[str, Any] | None) -> dict[str, Any]:
    content = {} if schema is None else {"content": {PLAIN: {"schema": schema}}}
    return {
        "summary": summary,
        "security": [{"token": []}],
        "requestBody": {"required": True, "content": {media: {"schema": body} for media, body in bodies.items()}},
        "responses": {str(status): {"description": "Durable, all of it", **content}, **_errors(SENDING)},
    }


def _reading(summary: str, media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {**_open(summary, media, schema, READING), "security": [{"token": []}]}


def _open(summary: str, media: str, schema: dict[str, Any], errors: tuple[int, ...]) -> dict[str, Any]:
    found = {"description": summary, "content": {media: {"schema": schema}}}
    return {"summary": summary, "responses": {"200": found, **_errors(errors)}}


def _errors(statuses: tuple[int, ...]) -> dict[str, Any]:
    content = {PLAIN: {"schema": _ref("Error")}}
    return {str(status): {"description": MEANINGS[status], "content": content} for status in statuses}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _array(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


_TEXT: Final = {"type": "string"}
_ERROR: Final = _object(error=_object(**dict.fromkeys(("slug", "message", "hint"), _TEXT)))
_ANSWER: Final = _object(
    total={"type": "integer"}, others={"type": "integer"}, rows={"type": "array", "items": {"type": "object"}}
)
_PARAMETERS: Final = [
    _parameter("from", "The beginning, a date or a time (ISO 8601), at a quarter of an hour; this month's if left out", _TEXT),
    _parameter("to", "The end, which is not in it; now if left out", _TEXT),
    _parameter("by", f"Some of {', '.join(DIMENSIONS)}, and one of {', '.join(UNITS)}, with commas", _TEXT),
    _parameter("tz", "The time zone of days and months, and of times without one; UTC if left out", _TEXT),
    _parameter("feature", "Only this feature; may be repeated", {"type": "array", "items": _TEXT}),
    _parameter("subject", "Only this subject; may be repeated", {"type": "array", "items": _TEXT}),
    _parameter("top", "Only so many groups, the most used", {"type": "integer", "minimum": 1, "maximum": 10_000}),
    _parameter("compare", "The period of the same length before, beside each row", {"type": "string", "enum": ["previous"]}),
]
