"""Owns waking hooks that sleep until the next window of time: a thread that lives only while one does.

``threading`` does not know of it, and no signal goes there.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # the module ``signal`` makes enums first
import _thread
from _thread import _local, allocate_lock, get_native_id, start_new_thread

from .origin import is_ours
from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 30.0
"""How long it sleeps at most: somebody may set the clock."""
IS_MAIN_INTERPRETER = getattr(_thread, "_is_main_interpreter", lambda: True)()
"""3.12+ can tell."""
FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
"""Raised by what a thread itself does; never blocked, so that faulthandler can tell."""


class Clock:
    """``due`` says in how many seconds a hook is to be woken, None if none sleeps; ``wake`` wakes those whose time it is."""

    def __init__(self, due: Callable[[], float | None], wake: Callable[[], None]) -> None:
        self._due = due
        self._wake_hooks = wake
        self._own = _local()
        self.restart_in_child()

    def restart_in_child(self) -> None:
        """Without the parent's thread, which is not here."""
        self._stop: Any = None
        self._gone: Any = None
        self._thread_id = 0
        # Not where gevent and the like have put a class for their greenlets in its place.
        if type(self._own).__module__ == "_thread" and get_native_id() == System.getpid():
            self._own.end = _ThreadEnd(self.stop)

    def start(self) -> bool:
        """Run, if it does not; whether it does.

        Not in a subinterpreter: who lets go of one ends it by any of its threads, and aborts if that one is running (3.12,
        Python/pystate.c, _PyInterpreterState_IDDecref).
        """
        if self._stop is not None:
            return True
        if not IS_MAIN_INTERPRETER:
            return False
        # The new thread inherits the mask. Were it to receive a signal, the main thread's system call would sleep on.
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        try:
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _deferrable_signals())
            stop, gone = allocate_lock(), allocate_lock()
            stop.acquire()
            gone.acquire()
            self._stop, self._gone, self._thread_id = stop, gone, 0
            start_new_thread(self._run, (stop, gone))
        except (RuntimeError, MemoryError) as error:  # no more threads here
            self._stop = self._gone = None
            if not is_ours(error):
                raise
            return False
        finally:
            _restore_mask(mask)
        return True

    def go_on(self) -> None:
        """Run if there is a hook to be woken."""
        if self._due() is not None:
            self.start()

    def stop(self) -> None:
        """End the thread, and return when the system knows of it no more: ``os.fork`` warns of a second one (3.12+)."""
        stop, gone, self._stop, self._gone = self._stop, self._gone, None, None
        if stop is None:
            return
        try:
            stop.release()
        except RuntimeError:  # two threads stop it at once
            return
        # Under gevent or eventlet it is no thread of the system's: it has our own id.
        if gone.acquire(True, PATIENCE_SECONDS) and self._thread_id != get_native_id():
            for _ in range(200):
                try:
                    System.stat(f"/proc/self/task/{self._thread_id}")
                except OSError:
                    return
                System.sleep(0.0005)

    def _run(self, stop: Any, gone: Any) -> None:
        self._thread_id = get_native_id()
        while True:
            seconds = self._due()
            if seconds is None:
                # Whoever falls asleep from here on finds no clock, and starts one; who did before is seen now.
                if self._stop is stop:
                    self._stop = None
                if self._due() is None or not self._take_over(stop):
                    break
            elif stop.acquire(True, min(seconds, LOOK_SECONDS)):
                break
            else:
                self._wake_safely()
        gone.release()

    def _take_over(self, stop: Any) -> bool:
        """Whether this thread goes on, for no other has begun."""
        if self._stop is None:
            self._stop = stop
            return True
        return False

    def _wake_safely(self) -> None:
        try:
            self._wake_hooks()
        except Exception:  # noqa: BLE001 - nothing of the application runs here, and nobody would see it
            System.sleep(0.01)


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
