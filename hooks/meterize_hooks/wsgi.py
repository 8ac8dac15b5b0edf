"""Owns the subject of WSGI requests (PEP 3333): from a header, or from a callable.

A header is as trustworthy as who may set it: let the proxy in front of the application write it.
"""

from __future__ import annotations

from .header import DEFAULT_HEADER, resolve
from .subject import subject

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    Environ: TypeAlias = dict[str, Any]
    StartResponse: TypeAlias = Callable[..., Any]
    Application: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


class SubjectMiddleware:
    """Runs the application, and the iteration over what it answers, in the subject of the request.

    ``subject_from`` gets the environ and returns the subject; without it, the header names the subject.
    """

    def __init__(
        self, app: Application, *, header: str = DEFAULT_HEADER, subject_from: Callable[[Environ], object] | None = None
    ) -> None:
        self._app = app
        self._key = "HTTP_" + header.upper().replace("-", "_")
        self._subject_from = subject_from or self._from_header

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333."""
        who = resolve(self._subject_from, environ)
        with subject(who):
            body = self._app(environ, start_response)
        # A list runs no code when it is iterated, and servers take its length; a file may be sent by the server itself.
        if type(body) in (list, tuple) or isinstance(body, _file_wrapper(environ)):
            return body
        return _SizedBody(body, who) if hasattr(body, "__len__") else _Body(body, who)

    def _from_header(self, environ: Environ) -> object:
        return environ.get(self._key, "").strip()


class _Body:
    """Iterates over a response in its subject. Each step enters and leaves: between steps the thread serves others."""

    def __init__(self, body: Iterable[bytes], who: object) -> None:
        self._body = body
        self._subject = subject(who)
        self._steps: Iterator[bytes] | None = None

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        with self._subject:
            if self._steps is None:
                self._steps = iter(self._body)
            return next(self._steps)

    def close(self) -> None:
        """What servers call at the end, however it ends."""
        close = getattr(self._body, "close", None)
        if close is not None:
            with self._subject:
                close()


class _SizedBody(_Body):
    def __len__(self) -> int:
        return len(self._body)  # type: ignore[arg-type]


def _file_wrapper(environ: Environ) -> type | tuple[()]:
    wrapper = environ.get("wsgi.file_wrapper")
    return wrapper if isinstance(wrapper, type) else ()
