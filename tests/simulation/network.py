"""The network between agent and ledger: it loses, cuts, doubles, delays and reorders requests, as chance will have it."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress

LATE = 20
"""So many requests are kept, to come once more when later ones have come."""


class Network:
    """Listens at ``port`` and forwards to the ledger's; ``is_calm`` ends all mischief."""

    def __init__(self, ledger_port: int, chance: random.Random) -> None:
        self.is_calm = False
        self.deeds: Counter[str] = Counter()
        self._ledger = ("127.0.0.1", ledger_port)
        self._chance = chance
        self._kept: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError):
            connection.settimeout(10)
            while request := _read_request(connection):
                if not self._carry(connection, request):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return

    def _carry(self, connection: socket.socket, request: bytes) -> bool:
        """Whether the connection goes on."""
        deeds = ("fine", "fine", "fine", "lose", "cut", "half", "twice", "slow", "again")
        deed = "fine" if self.is_calm else self._chance.choice(deeds)
        self.deeds[deed] += 1
        self._kept = [*self._kept, request][-LATE:]
        if deed == "lose":
            return False
        if deed == "half":
            self._send(request[: self._chance.randrange(1, len(request))])
            return False
        if deed == "slow":
            time.sleep(self._chance.random() * 0.1)
        if deed == "again":
            self._forward(self._chance.choice(self._kept))
        answer = self._forward(request)
        if deed == "twice":
            self._forward(request)
        if deed == "cut":
            answer = answer[: self._chance.randrange(len(answer) + 1)]
        connection.sendall(answer)
        return False

    def _send(self, data: bytes) -> None:
        with socket.create_connection(self._ledger, timeout=5) as ledger:
            ledger.sendall(data)

    def _forward(self, request: bytes) -> bytes:
        answer = b""
        with suppress(OSError), socket.create_connection(self._ledger, timeout=5) as ledger:
            ledger.sendall(request)
            while data := ledger.recv(65536):
                answer += data
        return answer


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return b""
        body += part
    # The ledger is to close the connection behind each answer, so that its end is known here.
    return head.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\nConnection: close\r\n", 1) + b"\r\n\r\n" + body
