"""Owns waking hooks that sleep until the next window of time: a thread that lives only while one does.

``threading`` does not know of it, and no signal goes there.
"""

from __future__ import annotations

from _thread import _local, allocate_lock, get_native_id

from .origin import is_ours
from .system import System
from .threads import IS_MAIN_INTERPRETER, PATIENCE_SECONDS, await_gone, start_unheard, tell_at_end

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOOK_SECONDS = 30.0
"""How long it sleeps at most: somebody may set the clock."""


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
        tell_at_end(self._own, self.stop)

    def start(self) -> bool:
        """Run, if it does not; whether it does. Not in a subinterpreter."""
        if self._stop is not None:
            return True
        if not IS_MAIN_INTERPRETER:
            return False
        try:
            stop, gone = allocate_lock(), allocate_lock()
            stop.acquire()
            gone.acquire()
            self._stop, self._gone, self._thread_id = stop, gone, 0
            start_unheard(self._run, stop, gone)
        except (RuntimeError, MemoryError) as error:  # no more threads here
            self._stop = self._gone = None
            if not is_ours(error):
                raise
            return False
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
        if gone.acquire(True, PATIENCE_SECONDS):
            await_gone(self._thread_id)

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
