"""Exports on their way to a client: so many at once, and each one's database connection is back when its client is gone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from meterize_ledger.errors import Unavailable

PIECE: Final = 64 * 1024
"""About so many bytes go out at a time."""
STALLED: Final = 60.0
"""Seconds after which a client that takes nothing is let go of: it holds a connection, and a state of the whole ledger."""

Rows = Generator[Mapping[str, Any], None, None]


class Places:
    """So many exports at once, whatever else goes on: they never have all connections that others need."""

    def __init__(self, most: int) -> None:
        self._most, self._here = most, 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """A place, as long as it lasts. Raises Unavailable where there is none. (Of the loop's thread alone.)"""
        if self._here >= self._most:
            raise Unavailable(
                "as many exports as the server makes at once are under way",
                slug="ledger-crowded",
                hint="Ask the same again in a moment.",
            )
        self._here += 1
        try:
            yield
        finally:
            self._here -= 1


class _Pieces:
    """Rows as JSON lines, many in a piece; closed but once nobody makes the next piece."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self._lock = rows, threading.Lock()

    def following(self) -> bytes:
        """The next piece; empty at the end."""
        lines, size = [], 0
        with self._lock:
            for row in self._rows:
                lines.append(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                size += len(lines[-1])
                if size >= PIECE:
                    break
        return b"".join(lines)

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._rows.close()


class Export(StreamingResponse):
    """Rows as JSON lines. Its client hangs up, takes nothing any more, or the server ends: the rows are closed at once."""

    def __init__(self, make: Callable[[], Rows], places: Places) -> None:
        super().__init__(content=(), media_type="application/x-ndjson")
        self._make, self._places = make, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One export. Raises Unavailable as long as nothing was sent."""
        with self._places.one():
            pieces = _Pieces(self._make())
            try:
                first = await run_in_threadpool(pieces.following)
                self.body_iterator = _all(first, pieces)
                await super().__call__(scope, receive, _impatient(send))
            except (_StalledError, asyncio.CancelledError):
                # Of no use to anybody any more, or uvicorn ends and has waited long enough; it closes what was not finished,
                # so that the client sees that it is cut off.
                return
            finally:
                await _close(pieces)


async def _all(first: bytes, pieces: _Pieces) -> Any:
    piece = first
    while piece:
        yield piece
        piece = await run_in_threadpool(pieces.following)


async def _close(pieces: _Pieces) -> None:
    """In a thread, for a database may take its time; in this one where the server ends and nobody waits for threads."""
    try:
        with anyio.CancelScope(shield=True):
            await run_in_threadpool(pieces.close)
    except BaseException:
        pieces.close()
        raise


class _StalledError(Exception):
    """The client takes nothing."""


def _impatient(send: Send) -> Send:
    async def sent(message: Message) -> None:
        with anyio.move_on_after(STALLED) as waited:
            await send(message)
        if waited.cancelled_caught:
            raise _StalledError

    return sent
