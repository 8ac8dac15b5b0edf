"""Owns what one process has of everything: its hooks, counts, losses and notifier; begins anew in a forked child."""

from __future__ import annotations

import os
import sys
from _functools import partial  # type: ignore[import-not-found] # not ``functools``, which brings ``collections``
from _thread import RLock, _local

from .accounts import Accounts, clean_subject
from .door import many_subjects_door, one_subject_door, open_door, present_door, publish
from .events import lost_line, use_line
from .incarnation import new_incarnation
from .losses import Losses
from .notifier import PATIENCE_SECONDS, Notifier
from .processes import MultiprocessingExit, follow, watch_end_of_thread
from .registry import Registry
from .spool import spool_folder
from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .notifier import Outgoing

FLUSH_SECONDS = 1.0


class Runtime:
    """Made once in a process, by the import of this package; does nothing until a table is armed or a subject named."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.accounts = Accounts(clean_subject(environ.get("METERIZE_SUBJECT")))
        self.incarnation = new_incarnation()
        self.losses = Losses()
        self._registry = Registry(self.accounts, self.losses)
        self._door = one_subject_door(self, self.accounts)
        self._many = self._open = self._finished = False
        self._lock = RLock()
        self._pid = System.getpid()
        self._is_forking = self._fork_holds_lock = self._has_begun = False
        self._reports = 0
        self._notifier = Notifier(spool_folder(environ), self.incarnation, _flush_seconds(environ), self._outgoing)
        self._multiprocessing = MultiprocessingExit(self.flush)
        self._own = _local()
        follow(self)
        watch_end_of_thread(self._own, self.leave)

    def arm(self, table: object) -> None:
        """Arm the hooks of the module whose code calls this."""
        module = sys._getframe(1).f_code
        with self._lock:
            if not self._open:
                publish(self._registry.once_callback())
                open_door(self._door)
                self._open = True
            self._registry.arm(module, table)
        self._multiprocessing.follow()
        if not self._finished:
            self._notifier.start()

    def enter_subject(self, block: object, subject: str | None) -> None:
        """Make this context's uses that subject's, until the block is left."""
        row = self.accounts.row_of(subject)
        if not self._many:
            with self._lock:
                if not self._many:
                    self._door = many_subjects_door(self, self.accounts)
                    if self._open:
                        open_door(self._door)
                    self._many = True
        self.accounts.enter(block, row)

    def armed_hooks(self) -> tuple[str, ...]:
        """Ids of the hooks that could be armed."""
        return self._registry.ids

    def snapshot(self) -> dict[str, int]:
        """Uses in this process by hook id."""
        self._begin_early()
        with self._lock:
            return self._registry.snapshot()

    def rearm(self) -> None:
        """Let the hooks that went away fire once more."""
        self._begin_early()
        with self._lock:
            self._registry.rearm()

    def flush(self) -> None:
        """Bring every use to the spool now."""
        self._notifier.flush()

    def finish(self) -> None:
        """At exit: the last uses."""
        self._finished = True
        self._notifier.finish()

    def leave(self) -> None:
        """At the end of the thread that this process began with; after the exit functions, where there are any."""
        if not self._finished:
            self._notifier.finish()

    def before_fork(self) -> None:
        """No second thread, and nothing half done, while the process is copied."""
        self._multiprocessing.follow()
        self._notifier.stop()
        self._is_forking = True
        self._fork_holds_lock = self._lock.acquire(True, PATIENCE_SECONDS)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._is_forking = False
        if self._fork_holds_lock:
            self._lock.release()
        if self._open and not self._finished:
            self._notifier.start()

    def after_fork_in_child(self) -> None:
        """A process of its own: no uses yet, another incarnation."""
        if not self._has_begun:
            self._begin()
        self._is_forking = self._has_begun = False

    def _begin_early(self) -> None:
        """Be the child before our turn comes: functions registered earlier than ours may ask for uses in it."""
        if self._is_forking and not self._has_begun and System.getpid() != self._pid:
            self._begin()
            self._has_begun = True

    def _begin(self) -> None:
        self._lock = RLock()
        self._pid = System.getpid()
        self.incarnation = new_incarnation()
        self.accounts.restart()
        self.losses.restart()
        self._registry.restart()
        self._notifier.restart_in_child(self.incarnation)
        self._multiprocessing.follow()
        watch_end_of_thread(self._own, self.leave)
        if self._open and not self._finished:
            self._notifier.start()

    def _outgoing(self) -> Iterator[Outgoing]:
        """Lines of all that the spool does not have yet."""
        with self._lock:
            self._registry.gather()
            fires = list(self._registry.untold.items())
            overflowed, self.accounts.overflowed = self.accounts.overflowed, 0
            if overflowed:
                self.losses.add("too-many-subjects", count=overflowed)
        for key, fire in fires:
            line = use_line(self.incarnation, fire.hook, fire.subject, fire.number - 1, fire.number, fire.seconds)
            yield line, partial(self._registry.untold.pop, key, None)
        now = System.time()
        for hook, account, count in self._registry.unsent_counts():
            line = use_line(self.incarnation, hook, account.subject, account.sent[hook.slot], count, now)
            yield line, partial(account.settle, hook.slot, count)
        for loss, count in self.losses.unsent():
            self._reports += 1
            yield lost_line(self.incarnation, self._reports, loss, count, now), partial(self.losses.settle, loss, count)


def _flush_seconds(environ: Mapping[str, str]) -> float:
    try:
        seconds = float(environ.get("METERIZE_FLUSH_SECONDS", FLUSH_SECONDS))
    except ValueError:
        return FLUSH_SECONDS
    return min(max(seconds, 0.05), 3600.0) if seconds > 0 else FLUSH_SECONDS


def the_runtime() -> Runtime:
    """This process's runtime; an earlier import of this package may have made it, and hooks count there."""
    door = present_door()
    return Runtime(os.environ) if door is None else door.runtime


RUNTIME = the_runtime()
