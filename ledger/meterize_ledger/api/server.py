"""The server: uvicorn, on an address, until it is told to end."""

from __future__ import annotations

import socket
from pathlib import Path

import uvicorn

from meterize_ledger.errors import Refused
from meterize_ledger.store.database import Database

from .app import make_app
from .settings import Limits


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises Refused."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # Told that it is TCP, asyncio turns Nagle's algorithm off (base_events._set_nodelay), which delays answers by 40 ms.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
    except (OSError, OverflowError) as error:
        raise Refused(
            f"cannot listen on {host} port {port}: {getattr(error, 'strerror', None) or error}",
            slug="address-refused",
            hint="Choose another --host or --port (0 takes a free one).",
        ) from error
    listening.set_inheritable(True)
    return listening


def serve(database: Database, listening: socket.socket, limits: Limits, *, tls: tuple[Path, Path] | None = None) -> None:
    """Answer requests until SIGTERM or SIGINT, after which those under way are finished."""
    config = uvicorn.Config(
        make_app(database, limits),
        log_level="warning",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=64 * 1024,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=20,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    uvicorn.Server(config).run(sockets=[listening])
