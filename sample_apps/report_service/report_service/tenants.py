"""Who asks: the tenant that the proxy in front names in a header."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request

HEADER = "X-Tenant"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def tenant_of(request: Request) -> str:
    """The tenant; 401 without one, 400 if it cannot be a tenant's name."""
    tenant = request.headers.get(HEADER, "")
    if not tenant:
        raise HTTPException(401, f"no {HEADER} header")
    if not NAME.fullmatch(tenant):
        raise HTTPException(400, f"{tenant!r} is no tenant's name")
    return tenant
