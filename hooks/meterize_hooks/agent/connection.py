"""Owns a connection whose every step ends at a deadline, and which another thread may cut."""

from __future__ import annotations

import http.client
import io
import socket
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Connection(http.client.HTTPConnection):
    """A connection whose every step ends at the deadline, and which another thread may cut."""

    deadline = 0.0

    def __init__(self, host: str, port: int | None, context: Callable[[], Any]) -> None:
        self._context = context()
        super().__init__(host, port or (443 if self._context else 80))
        self._raw: socket.socket | None = None
        self.response_class = self._response  # type: ignore[assignment] # http.client calls it, whatever it is

    def connect(self) -> None:
        """As ``socket.create_connection``, but the socket is known before it is connected."""
        last: OSError = OSError("the name of the ledger's host leads nowhere")
        for family, kind, protocol, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            raw = socket.socket(family, kind, protocol)
            self._raw = raw
            try:
                raw.settimeout(self._left())
                raw.connect(address)
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.sock = self._context.wrap_socket(raw, server_hostname=self.host) if self._context else raw
            except OSError as error:
                raw.close()
                last = error
            else:
                return
        raise last

    def send(self, data: Any) -> None:
        """All of it; the timeout of ``sendall`` is for the whole."""
        if self.sock is None:
            self.connect()
        self.sock.settimeout(self._left())
        self.sock.sendall(data)

    def cut(self) -> None:
        """Wake whoever waits for it, with an error."""
        for each in (self._raw, self.sock):
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the ledger did not answer in time")
        return left

    def _response(self, sock: socket.socket, **keywords: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Readable(sock, self._left), **keywords)  # type: ignore[arg-type]


class _Readable:
    """What HTTPResponse asks of a socket: a file, here one that ends at the deadline however slowly bytes drop in."""

    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def makefile(self, _mode: str) -> io.BufferedReader:
        """To read from."""
        return io.BufferedReader(_Drops(self._sock, self._left))


class _Drops(io.RawIOBase):
    def __init__(self, sock: socket.socket, left: Callable[[], float]) -> None:
        self._sock = sock
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(self._left())
        return self._sock.recv_into(buffer)
