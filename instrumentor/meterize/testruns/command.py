"""Runs a shell command to its end, whatever that is, and leaves no process of it behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from meterize.errors import InternalError, TestsError, UsageError

from .ending import SHELL, ending

_TAIL_BYTES: Final = 64 * 1024
_TAIL_LINES: Final = 40
_POLL_SECONDS: Final = 0.05
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended: its exit code (negative: the signal), the last lines it wrote, CPU seconds with its children's."""

    exit_code: int
    tail: tuple[str, ...]
    seconds: float


def run_command(
    command: str, *, cwd: Path, variables: Mapping[str, str], timeout: float | None, on_poll: Callable[[], None]
) -> Finished:
    """Run ``command`` by ``/bin/sh`` in a session of its own.

    Raises TestsError (``suite-timeout``) after ``timeout`` seconds, UsageError (``cwd-missing``, ``command-not-started``).
    """
    if not cwd.is_dir():
        raise UsageError(f"{cwd} is no folder to run the tests in", slug="cwd-missing", hint="Name an existing folder (--cwd).")
    with contextlib.ExitStack() as stack:
        with signals_deferred():
            process = _start(command, cwd, variables)
            output = _Tail(process.stdout)
            stack.callback(output.close)
            stack.enter_context(ending(process))
        seconds = _wait(process, command, timeout, on_poll, output)
    on_poll()
    return Finished(exit_code=process.returncode, tail=output.lines(), seconds=seconds)


def _start(command: str, cwd: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [SHELL, "-c", command],
            cwd=cwd,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the command cannot be started in {cwd}: {error}",
            slug="command-not-started",
            hint="Check that you may enter the folder (--cwd), and the command for odd characters.",
        ) from error


def _wait(
    process: subprocess.Popen[bytes], command: str, timeout: float | None, on_poll: Callable[[], None], output: _Tail
) -> float:
    """The CPU seconds that it took, its children's included: its own, whatever else this process has running."""
    deadline = None if timeout is None else time.monotonic() + timeout
    delay = _POLL_SECONDS / 64
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        time.sleep(delay)
        delay = min(delay * 2, _POLL_SECONDS)
        on_poll()
        if deadline is not None and time.monotonic() > deadline:
            raise TestsError(
                f"the command did not end within {timeout:g} s: {command}",
                slug="suite-timeout",
                hint="Give it more time (--timeout), or run it by hand to see where it hangs; it was stopped.",
                details=output.lines(),
            )


@contextlib.contextmanager
def signals_deferred() -> Iterator[None]:
    """Let Ctrl-C wait: an exception between the start of a process and the care for its end would leave it behind."""
    if threading.current_thread() is not threading.main_thread():  # where Python runs no signal handler
        yield
        return
    waiting: list[int] = []
    handlers = {number: signal.getsignal(number) for number in _ENDING_SIGNALS}
    raising = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number in raising:
        signal.signal(number, lambda given, _frame: waiting.append(given))
    try:
        yield
    finally:
        for number, handler in raising.items():
            signal.signal(number, handler)
        for late in waiting:
            signal.raise_signal(late)


class _Tail:
    """Reads a pipe to its end in a thread and keeps the last of it."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        if pipe is None:
            raise InternalError("the command was started without a pipe for its output")
        self._pipe = pipe
        self._kept = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while part := os.read(self._pipe.fileno(), 1 << 16):
                self._kept = (self._kept + part)[-_TAIL_BYTES:]

    def close(self) -> None:
        # Somebody who left the group may still hold the pipe; what counts has been written by now.
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._pipe.close()

    def lines(self) -> tuple[str, ...]:
        """The last lines, without the blank ones at the end."""
        return tuple(self._kept.decode(errors="replace").rstrip().splitlines()[-_TAIL_LINES:])
