"""Owns when uses reach the spool: every second from a thread of our own, and at the end of the process.

This is the small door that a crash-safe spool will stand behind: `flush`, `start`, `stop`, and nothing else of the runtime
knows how uses leave the process.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # the module ``signal`` makes enums first
import _thread
from _thread import RLock, allocate_lock, get_native_id, start_new_thread

from .origin import is_ours
from .spool import SpoolFile
from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Outgoing: TypeAlias = "tuple[bytes, Callable[[], Any]]"
    """A line, and what to do once it is in the spool."""

PATIENCE_SECONDS = 5.0
"""How long to wait for the thread, which may be writing to a slow disk, before going on without it."""
IS_MAIN_INTERPRETER = getattr(_thread, "_is_main_interpreter", lambda: True)()
"""3.12+ can tell."""
FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP", "SIGSYS")
"""Raised by what a thread itself does; never blocked, so that faulthandler can tell."""


class Notifier:
    """Carries uses to this process's file in the spool."""

    def __init__(self, folder: str | None, incarnation: str, seconds: float, collect: Callable[[], Iterable[Outgoing]]) -> None:
        self._folder = folder
        self._file = SpoolFile(folder, incarnation)
        self._seconds = seconds
        self._collect = collect
        self._flushing = RLock()
        self._wake: Any = None
        self._gone: Any = None
        self._thread_id = 0
        self._is_last = False

    def flush(self) -> None:
        """Append what the spool does not have. What can't be written now stays and is offered again next time."""
        if not self._flushing.acquire(True, PATIENCE_SECONDS):
            return
        try:
            outgoing = list(self._collect())
            written = self._file.append([line for line, _ in outgoing])
            for _, settle in outgoing[:written]:
                settle()
        finally:
            self._flushing.release()

    def start(self) -> None:
        """Flush from now on, in a thread that neither ``threading`` nor signals know of.

        Not in a subinterpreter: who lets go of one ends it by any of its threads, and aborts if that one is running (3.12,
        Python/pystate.c, _PyInterpreterState_IDDecref). Its exit functions do run.
        """
        if self._wake is not None or not IS_MAIN_INTERPRETER:
            return
        # The new thread inherits the mask. Were it to receive a signal, the main thread's system call would sleep on.
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
        try:
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _deferrable_signals())
            wake, gone = allocate_lock(), allocate_lock()
            wake.acquire()
            gone.acquire()
            self._wake, self._gone, self._thread_id = wake, gone, 0
            start_new_thread(self._run, (wake, gone))
        except (RuntimeError, MemoryError) as error:  # no more threads here: the flush at the end remains
            self._wake = self._gone = None
            if not is_ours(error):
                raise
        finally:
            _restore_mask(mask)

    def stop(self) -> None:
        """End the thread, and return when the system knows of it no more: ``os.fork`` warns of a second one (3.12+)."""
        wake, gone, self._wake, self._gone = self._wake, self._gone, None, None
        if wake is None:
            return
        try:
            wake.release()
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

    def finish(self) -> None:
        """The last flush, by the thread if there is one: no signal comes in there."""
        if self._wake is None:
            self.flush()
        self._is_last = True
        self.stop()

    def restart_in_child(self, incarnation: str) -> None:
        """Begin a file of one's own; the parent's thread is not here, and its locks may never be released."""
        self._file = SpoolFile(self._folder, incarnation)
        self._flushing = RLock()
        self._wake = self._gone = None

    def _run(self, wake: Any, gone: Any) -> None:
        self._thread_id = get_native_id()
        is_over = False
        while not is_over:
            is_over = wake.acquire(True, self._seconds)
            if is_over and not self._is_last:
                break
            try:
                self.flush()
            except Exception:  # noqa: BLE001, S112 - nothing of the application runs here, and nobody would see it
                continue
        gone.release()


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
