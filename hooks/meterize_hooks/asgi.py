"""Owns the subject of ASGI connections: from a header, or from a callable.

A header is as trustworthy as who may set it: let the proxy in front of the application write it.
"""

from __future__ import annotations

from .header import DEFAULT_HEADER, resolve
from .subject import subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any, TypeAlias

    Scope: TypeAlias = MutableMapping[str, Any]
    Application: TypeAlias = Callable[[Scope, Callable[..., Any], Callable[..., Any]], Awaitable[None]]


class SubjectMiddleware:
    """Runs the application in the subject of the connection, with the tasks that it begins; http and websocket only.

    ``subject_from`` gets the scope and returns the subject; without it, the header names the subject.
    """

    def __init__(
        self, app: Application, *, header: str = DEFAULT_HEADER, subject_from: Callable[[Scope], object] | None = None
    ) -> None:
        self._app = app
        self._header = header.lower().encode("latin-1")
        self._subject_from = subject_from or self._from_header

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """ASGI 3."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        with subject(resolve(self._subject_from, scope)):
            await self._app(scope, receive, send)

    def _from_header(self, scope: Scope) -> object:
        for name, value in scope.get("headers", ()):
            if name.lower() == self._header:
                return value.decode("latin-1").strip()
        return None
