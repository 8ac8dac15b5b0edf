"""Owns what a process is to the system, and the turning points of its life that the runtime is told of: fork and exit."""

from __future__ import annotations

import atexit
import os

from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

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


START_FIELD = 22
"""Of /proc/PID/stat (proc_pid_stat(5)): when the process began, in clock ticks since the boot."""


def follow(process: Process) -> None:
    """Tell it of every fork and of the end. Exit functions run in reverse: those registered after us still count uses."""
    os.register_at_fork(
        before=process.before_fork,
        after_in_parent=process.after_fork_in_parent,
        after_in_child=process.after_fork_in_child,
    )
    atexit.register(process.finish)


class Identity:
    """Who this process is, so that a reader can tell whether it lives; 0 and empty where the system does not say."""

    __slots__ = ("boot", "pid", "pid_namespace", "started")

    def __init__(self) -> None:
        self.pid = System.getpid()
        self.boot = _read("/proc/sys/kernel/random/boot_id").strip().decode("ascii", "replace")
        # The name of the program, in parentheses, may hold anything.
        fields = _read("/proc/self/stat").rpartition(b")")[2].split()
        self.started = int(fields[START_FIELD - 3]) if len(fields) > START_FIELD - 3 else 0
        try:
            self.pid_namespace = System.stat("/proc/self/ns/pid").st_ino
        except OSError:
            self.pid_namespace = 0


def _read(path: str) -> bytes:
    try:
        descriptor = System.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return System.read(descriptor, 4096)
    except OSError:
        return b""
    finally:
        System.close(descriptor)
