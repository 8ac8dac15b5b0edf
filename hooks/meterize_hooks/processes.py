"""Owns the turning points of a process's life that the runtime is told of: fork, exit, and ends without exit functions."""

from __future__ import annotations

import atexit
import os
import sys
from _thread import get_native_id

from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Process(Protocol):
        """What is told."""

        def before_fork(self) -> None:
            """In the parent, before."""

        def after_fork_in_parent(self) -> None:
            """In the parent, after."""

        def after_fork_in_child(self) -> None:
            """In the child, first of all."""

        def finish(self) -> None:
            """At the end."""


LAST = -1_000_000
"""multiprocessing runs its finalizers in falling order of priority."""


def follow(process: Process) -> None:
    """Tell it of every fork and of the end. Exit functions run in reverse: those registered after us still count uses."""
    os.register_at_fork(
        before=process.before_fork,
        after_in_parent=process.after_fork_in_parent,
        after_in_child=process.after_fork_in_child,
    )
    atexit.register(process.finish)


class ThreadEnd:
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


def watch_end_of_thread(own: Any, tell: Callable[[], None]) -> None:
    """Have ``own``, a ``_thread._local``, tell at the end of this thread, if the process was started or forked with it.

    Not where gevent and the like have put a class for their greenlets in its place.
    """
    if type(own).__module__ == "_thread" and get_native_id() == System.getpid():
        own.end = ThreadEnd(tell)


class MultiprocessingExit:
    """Flushes at the end of multiprocessing's children: those leave by ``os._exit``, and run no exit functions of ours.

    A child clears the finalizers that it got from its parent and then calls what was registered for "after fork"
    (Lib/multiprocessing/process.py, BaseProcess._bootstrap), also where it was spawned.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._pid = 0

    def follow(self) -> None:
        """Register, once a process, and only where multiprocessing is in use anyway."""
        util = sys.modules.get("multiprocessing.util")
        if util is None or self._pid == os.getpid():
            return
        try:
            if not self._pid:
                util.register_after_fork(self, MultiprocessingExit._finalize)
            self._finalize()
        except AttributeError:  # it is just being imported; the next fork or table comes by here again
            return

    def _finalize(self) -> None:
        sys.modules["multiprocessing.util"].Finalize(None, self._flush, exitpriority=LAST)
        self._pid = os.getpid()
