"""The way of the counts: a ledger on this machine, the agent that brings it what processes count, and waiting for it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools.demo import screen, service
from tools.demo.stage import FOLDER, LOG, DemoError, Stage

SOURCE, READER = "web-1.token", "billing.token"
PATIENCE = 20.0  # seconds for the agent to bring what a process has left


@contextmanager
def delivering(stage: Stage) -> Iterator[str]:
    """The ledger's URL; it and the agent run for the length of the block."""
    stage.show("meterize", "ledger", "token", "add", "--source", "web-1", "--to", SOURCE)
    stage.show("meterize", "ledger", "token", "add", "--reader", "billing", "--to", READER)
    port = service.free_port()
    url = f"http://127.0.0.1:{port}"
    serve = ("meterize", "ledger", "serve", "--port", str(port))
    bring = ("meterize", "agent", "--ledger", url, "--token-file", SOURCE)
    screen.show_command(serve, background=True)
    with service.running(serve, port, cwd=FOLDER, variables=stage.variables):
        screen.show_command(bring, background=True)
        with service.running(bring, cwd=FOLDER, variables=stage.variables):
            yield url


def wait_until_delivered() -> None:
    """Until the spool holds no process's file: the agent removes it when the ledger has confirmed what it holds."""
    deadline = time.monotonic() + PATIENCE
    while list((FOLDER / "spool").glob("*.uses")):
        if time.monotonic() > deadline:
            raise DemoError(f"the agent has not brought what the service counted; see {LOG}")
        time.sleep(0.1)
