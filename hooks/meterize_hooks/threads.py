"""Owns threads of ours in a metered process: how one is started that nobody notices, how it is gone, and which there are.

Neither ``threading`` nor signals know of them.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # the module ``signal`` makes enums first
import _thread
import sys
from _thread import get_native_id, start_new_thread

from .origin import is_ours
from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    class OwnThread(Protocol):
        """A thread that steps aside for forks."""

        def start(self) -> None:
            """Work from now on; nothing where it does already."""

        def stop(self) -> None:
            """Be gone when this returns."""

        def finish(self) -> None:
            """The process ends: the last work."""

        def restart_in_child(self, incarnation: str) -> None:
            """In a forked child, where the thread is not."""


PATIENCE_SECONDS = 5.0
"""How long a fork waits for a thread of ours."""
IS_MAIN_INTERPRETER = getattr(_thread, "_is_main_interpreter", lambda: True)()
"""3.12+ can tell. Who lets go of a subinterpreter ends it by any of its threads, and aborts if that one is running (3.12,
Python/pystate.c, _PyInterpreterState_IDDecref): no thread of ours there."""
FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
"""Raised by what a thread itself does; never blocked, so that faulthandler can tell."""


def own_threads(environ: Mapping[str, str], incarnation: str) -> list[OwnThread]:
    """Those that the environment asks for, not started yet."""
    asked = environ.get("METERIZE_AGENT", "")
    if asked != "thread":
        if asked:
            _tell(f"meterize: METERIZE_AGENT={asked[:40]!a} delivers nothing: there is only `thread`")
        return []
    from .agent.thread import AgentThread

    return [AgentThread(environ, incarnation)]


def _tell(line: str) -> None:
    """On stderr, if the process has one; descriptor 2 may be anything where it has none."""
    try:
        if sys.__stderr__ is not None:
            System.write(sys.__stderr__.fileno(), f"{line}\n".encode("ascii", "backslashreplace"))
    except Exception as error:  # nobody reads it
        if not is_ours(error):
            raise


def start_unheard(run: Callable[..., None], *arguments: object) -> None:
    """A thread that takes no signals: were it to receive one, the main thread's system call would sleep on.

    Raises RuntimeError, MemoryError where there are no more threads.
    """
    mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
    try:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, _deferrable_signals())  # the new thread inherits the mask
        start_new_thread(run, arguments)
    finally:
        _restore_mask(mask)


def await_gone(thread_id: int) -> None:
    """Return when the system knows of it no more, which it still may when its code is done: ``os.fork`` warns of a second
    thread (3.12+). Under gevent or eventlet it is no thread of the system's: it has our own id.
    """
    if thread_id == get_native_id():
        return
    for _ in range(200):
        try:
            System.stat(f"/proc/self/task/{thread_id}")
        except OSError:
            return
        System.sleep(0.0005)


def tell_at_end(own: Any, tell: Callable[[], None]) -> None:
    """Have ``own``, a ``_thread._local``, tell at the end of this thread, if the process was started or forked with it.

    Not where gevent and the like have put a class for their greenlets in its place.
    """
    if type(own).__module__ == "_thread" and get_native_id() == System.getpid():
        own.end = _ThreadEnd(tell)


class _ThreadEnd:
    """Tells once the thread that keeps it to itself ends.

    A child that was forked in a thread is over with that thread, and runs no exit functions; were a thread of ours left, it
    would not end at all. What is a thread's own is let go last, when it can still run code (Python/pystate.c,
    PyThreadState_Clear).
    """

    __slots__ = ("_pid", "_tell")

    def __init__(self, tell: Callable[[], None]) -> None:
        self._tell = tell
        self._pid = System.getpid()

    def __del__(self) -> None:
        # In a forked child the threads of its parent are let go as well.
        if System.getpid() == self._pid:
            self._tell()


def _restore_mask(mask: Any) -> None:
    """Hear signals again. Where memory ends just there it is tried again: the application would be deaf for good."""
    tries = 100
    while tries:
        tries -= 1
        try:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        except MemoryError as error:
            if not is_ours(error):
                raise
        else:
            return


def _deferrable_signals() -> set[int]:
    return {int(number) for number in _signal.valid_signals()} - {getattr(_signal, name, 0) for name in FAULTS}
