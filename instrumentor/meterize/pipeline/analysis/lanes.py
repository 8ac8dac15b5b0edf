"""Lanes: work of several suites at the same time, each in a thread that waits for its suite's processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Final, Generic, TypeAlias, TypeVar

from meterize.testruns import signals_deferred

T = TypeVar("T")
Work: TypeAlias = Callable[[Event], T]
"""Gets an event that is set when it shall stop."""

_LOOK_SECONDS: Final = 0.2
"""How long Ctrl-C may wait where waiting for a thread cannot be interrupted."""


@dataclass(slots=True)
class Lanes(Generic[T]):
    """What has become of each work: ``done`` or, of those that ended otherwise, ``failed`` (the first of them first)."""

    done: dict[str, T] = field(default_factory=dict)
    failed: dict[str, BaseException] = field(default_factory=dict)
    _waiting: list[tuple[str, Work[T]]] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def _work(self, end: Event) -> None:
        try:
            while self._work_once():
                pass
        finally:
            end.set()

    def _work_once(self) -> bool:
        with self._lock:
            if self._stop.is_set() or not self._waiting:
                return False
            name, work = self._waiting.pop(0)
        try:
            result = work(self._stop)
        except BaseException as error:  # noqa: BLE001  # a thread has nobody to tell
            with self._lock:
                self.failed[name] = error
            self._stop.set()
            return False
        with self._lock:
            self.done[name] = result
        return True


def work_at_once(works: Mapping[str, Work[T]], jobs: int) -> Lanes[T]:
    """Do the works, ``jobs`` at a time. The first that fails stops the others, as does Ctrl-C, which is raised again."""
    lanes = Lanes[T](_waiting=list(works.items()))
    # Each tells its own end: a join that Ctrl-C interrupts would take the thread for ended (Lib/threading.py,
    # _wait_for_tstate_lock, bpo-45274).
    ends = [Event() for _ in range(min(jobs, len(works)))]
    started: list[Event] = []
    try:
        with signals_deferred():
            for end in ends:
                Thread(target=lanes._work, args=(end,), daemon=True).start()
                started.append(end)
        _await(ends)
    except BaseException:
        lanes._stop.set()
        _await(started)
        raise
    return lanes


def _await(ends: Sequence[Event]) -> None:
    for end in ends:
        while not end.wait(_LOOK_SECONDS):
            pass


def cores() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
