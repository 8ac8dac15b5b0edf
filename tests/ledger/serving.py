"""A real server process on a ledger, to be asked, killed and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import httpx2 as httpx
from click.testing import CliRunner

from meterize_ledger.cli import ledger
from meterize_ledger.errors import LedgerError

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("METERIZE", "COV"))}


def command(*words: str, database: str | None = None, code: int = 0) -> Any:
    """The JSON answer of `meterize ledger …`, run in this process; of one that is refused, its error."""
    place = () if database is None else ("--database", database)
    done = CliRunner().invoke(ledger, [*words, *place, "--json"], standalone_mode=False)
    if isinstance(done.exception, LedgerError):
        assert done.exception.exit_code == code, done.exception
        return {"error": {"slug": done.exception.slug, "message": done.exception.message}}
    if done.exception is not None:
        raise done.exception
    assert (done.return_value or 0) == code, done.output
    return json.loads(done.stdout)


class Serving:
    """`meterize ledger serve` as a process."""

    def __init__(self, database: str, *options: str) -> None:
        self._words = [sys.executable, "-m", "meterize", "ledger", "serve", "--json", "--database", database, *options]
        self.url = ""
        self.process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        port = self.url.rpartition(":")[2] or "0"
        self.process = subprocess.Popen(
            [*self._words, "--port", port], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        assert self.process.stdout
        lines = ""
        for line in self.process.stdout:
            lines += line
            if line == "}\n":
                break
        else:
            raise AssertionError(self.process.communicate()[1])
        self.url = json.loads(lines)["url"]

    def kill(self) -> None:
        """SIGKILL: no last words."""
        assert self.process
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[int, str]:
        """SIGTERM; returns the exit code, and what stood on standard error."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=60)[1]
        return self.process.returncode, errors

    def post(self, path: str, body: object, token: str, **headers: str) -> httpx.Response:
        return httpx.post(
            self.url + path,
            content=body if isinstance(body, bytes) else json.dumps(body),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
            timeout=60,
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
        return httpx.get(self.url + path, params=parameters, headers={"Authorization": f"Bearer {token}"}, timeout=60)
