"""Programs that go on beside the demo and never outlive it, those that answer on a port, and requests to them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.demo.stage import LOG, DemoError

PATIENCE = 20.0  # seconds for the service to answer, or to stop


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    words: Sequence[str], port: int | None = None, *, cwd: Path, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The program for the length of the block; if it has a port, answering there when the block begins."""
    with LOG.open("a", encoding="utf-8") as log:
        # subprocess looks a program up on this process's own path, not on that of the variables.
        program = shutil.which(words[0], path=variables.get("PATH")) or str(cwd / words[0])
        process = subprocess.Popen(
            [program, *words[1:]], cwd=cwd, env=dict(variables), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        if port is not None:
            wait_until_it_listens(process, port)
        yield process
    finally:
        stop(process)


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError(f"the service stopped at once ({process.returncode}); see {LOG}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise DemoError(f"the service does not answer on port {port}; see {LOG}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """As a service manager does; without mercy if that takes too long."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def request(port: int, path: str, tenant: str, body: object = None) -> bytes:
    """The answer's body; raises on any status but success."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers={"X-Tenant": tenant})
    # No proxy of the environment stands between two processes of one machine.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=PATIENCE) as answer:
        content: bytes = answer.read()
        return content
