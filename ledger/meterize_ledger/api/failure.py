"""Errors as answers: JSON with slug, message and hint, never a traceback."""

from __future__ import annotations

import math
import sys
import traceback
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from meterize_ledger.errors import Defect, LedgerError, Malformed, NotFound, TooMany, Unauthorized, Unavailable, WrongMethod


def answer(error: LedgerError, headers: dict[str, str] | None = None) -> Response:
    """The error as JSON."""
    found: dict[str, Any] = {"slug": error.slug, "message": error.message, "hint": error.hint}
    if error.problems:
        found["problems"] = [dict(problem) for problem in error.problems]
    extra = dict(headers or {})
    if isinstance(error, Unauthorized):
        extra["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany):
        extra["Retry-After"] = str(math.ceil(error.wait))
    if isinstance(error, Unavailable):
        extra["Retry-After"] = "1"
    return JSONResponse({"error": found}, status_code=error.status, headers=extra)


async def on_ledger_error(_request: Request, error: Exception) -> Response:
    """An error of the ledger."""
    if not isinstance(error, LedgerError):
        raise error
    return answer(error)


async def on_http_error(_request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: paths and methods that there are none of."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers or {})
    if error.status_code == 405:
        return answer(
            WrongMethod("not with this method", slug="wrong-method", hint="/api/v1/openapi.json says which."), headers
        )
    if error.status_code == 404:
        return answer(NotFound("there is nothing here", slug="no-such-path", hint="/api/v1/openapi.json lists the paths."))
    return answer(Malformed(error.detail, slug="bad-request", hint="/api/v1/openapi.json says what is expected."), headers)


async def on_defect(_request: Request, error: Exception) -> Response:
    """Anything else is our bug: told on standard error, and to the client that it happened."""
    traceback.print_exception(error, file=sys.stderr)
    return answer(
        Defect("a defect of the ledger", slug="ledger-defect", hint="Please report it with the server's standard error.")
    )
