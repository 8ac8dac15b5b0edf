"""A real server process on a ledger, to be asked, killed and started again."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from typing import Any

import httpx2 as httpx
from click.testing import CliRunner

from meterize_ledger.api.server import bind, serve
from meterize_ledger.api.settings import Limits
from meterize_ledger.cli import ledger
from meterize_ledger.errors import LedgerError
from meterize_ledger.service.ledger import open_ledger

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("METERIZE", "COV"))}


def command(*words: str, database: str | None = None, code: int = 0) -> Any:
    """The JSON answer of `meterize ledger …`, run in this process; of one that is refused, its error."""
    place = () if database is None else ("--database", database)
    done = CliRunner().invoke(ledger, [*words, *place, "--json"], standalone_mode=False)
    if isinstance(done.exception, LedgerError):
        assert done.exception.exit_code == code, done.exception
        return {"error": {"slug": done.exception.slug, "message": done.exception.message, "hint": done.exception.hint}}
    if done.exception is not None:
        raise done.exception
    assert (done.return_value or 0) == code, done.output
    return json.loads(done.stdout)


def _serve(place: str, port: int, limits: Limits, told: Connection) -> None:
    """What `meterize ledger serve` does, in a process that has its imports behind it."""
    database = open_ledger(place)
    with bind("127.0.0.1", port) as listening:
        told.send(listening.getsockname()[1])
        serve(database, listening, limits)


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.ledger.serving"])


class Serving:
    """A server as a process of its own, forked from one that has imported everything: killed often, it costs little time."""

    def __init__(self, database: str, **limits: float) -> None:
        self._database, self._limits, self._port = database, Limits(**limits), 0
        self.client = httpx.Client(timeout=60)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        told, tell = PROCESSES.Pipe(duplex=False)
        self.process = PROCESSES.Process(target=_serve, args=(self._database, self._port, self._limits, tell), daemon=True)
        self.process.start()
        tell.close()
        self._port = told.recv()

    def kill(self) -> None:
        """SIGKILL: no last words."""
        self.process.kill()
        self.process.join()

    def end(self) -> None:
        """SIGTERM: what is under way is finished."""
        self.process.terminate()
        self.process.join(60)
        assert self.process.exitcode == -signal.SIGTERM  # uvicorn raises it again when it is done

    def post(self, path: str, body: object, token: str, **headers: str) -> httpx.Response:
        return self.client.post(
            self.url + path,
            content=body if isinstance(body, bytes) else json.dumps(body),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
        )

    def post_until_taken(self, path: str, body: object, token: str, *, seconds: float = 60) -> httpx.Response:
        """As an agent does: again until it is confirmed."""
        until = time.monotonic() + seconds
        while True:
            try:
                answer = self.post(path, body, token)
                if answer.status_code < 500:
                    return answer
            except httpx.TransportError:
                pass
            assert time.monotonic() < until
            time.sleep(0.05)

    def get(self, path: str, token: str, **parameters: str) -> httpx.Response:
        return self.client.get(self.url + path, params=parameters, headers={"Authorization": f"Bearer {token}"})
