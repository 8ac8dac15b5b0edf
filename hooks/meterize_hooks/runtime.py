"""Owns what one process has of everything: its hooks, cells, names and losses; begins anew in a forked child."""

from __future__ import annotations

import os
import sys
from _thread import RLock

from .accounts import OVERFLOW_ROW, Accounts, clean_subject
from .cells import BANKS, ROWS, SLOTS, make_cells
from .digest import sha256_hex
from .door import many_subjects_door, one_subject_door, open_door, present_door, publish
from .incarnation import new_incarnation
from .losses import Losses
from .names import Names
from .origin import is_ours
from .processes import Identity, follow
from .registry import UNARMED, Registry
from .spool import spool_folder
from .system import System
from .threads import own_threads
from .usage_file import UsageFile, header_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .clock import Clock

PATIENCE_SECONDS = 5.0
"""How long a fork, or the end, waits for a thread that is just arming a module."""
MOST_HOOKS = 1 << 20


class Runtime:
    """Made once in a process, by the import of this package; has no files until a table is armed."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._cells = make_cells(_banks(environ))
        self.accounts = Accounts(clean_subject(environ.get("METERIZE_SUBJECT")), self._cells, self._on_new_subject)
        self.losses = Losses()
        self._folder = spool_folder(environ)
        self._registry = Registry(self.accounts, self._cells, self.losses, self._be_woken)
        self._clock: Clock | None = None
        self._door = one_subject_door(self, self.accounts)
        self._many = self._open = self._has_ended = False
        self._lock = RLock()
        self._pid = System.getpid()
        self._is_forking = self._fork_holds_lock = self._has_begun = False
        self._digest = bytes(32)
        self._names = Names(None, "")
        self._new_incarnation("")
        if not self._cells.keeps_rows:
            self._begin_file()
            self.accounts.restart()
            self._door = one_subject_door(self, self.accounts)
        self._threads = own_threads(environ, self.incarnation)
        follow(self)

    def _new_incarnation(self, parent: str) -> None:
        self.incarnation, self._parent = new_incarnation(), parent
        self._file: UsageFile | None = None
        inherited = self._names.of_child(self._folder, self.incarnation) if parent else None
        self._names = inherited or Names(self._folder, self.incarnation)
        if inherited is None:
            for row, subject in self.accounts.names.items():
                self._names.subject(row, subject)
            for hook in self._registry:
                self._names.hook(hook.number, hook.id, hook.feature, hook.package, hook.policy.text)

    def arm(self, table: object) -> None:
        """Arm the hooks of the module whose code calls this."""
        module = sys._getframe(1).f_code
        with self._lock:
            if not self._open:
                self._digest = bytes.fromhex(sha256_hex(repr(table)))
                publish(self._registry.once_callback())
                open_door(self._door)
                self._open = True
            self._registry.number(table, self._names)
            if self._clock is None and self._registry.windows:
                self._clock = self._make_clock()
            self._tend()
            self._registry.arm(module, table)
            self._tell()
        self._start_threads()

    def _start_threads(self) -> None:
        if self._open and not self._has_ended:
            for thread in self._threads:
                thread.start()

    def _make_clock(self) -> Clock:
        from .clock import Clock

        return Clock(self._registry.next_window, self._wake)

    def _be_woken(self) -> bool:
        """Whether a hook that falls asleep will be woken."""
        return self._clock is not None and not self._has_ended and self._clock.start()

    def _wake(self) -> None:
        with self._lock:
            self._registry.wake_for_window()

    def enter_subject(self, block: object, subject: str | None) -> None:
        """Make this context's uses that subject's, until the block is left."""
        row = self.accounts.row_of(subject)
        if not self._many:
            with self._lock:
                if not self._many:
                    self._change_door(many=True)
                    self._many = True  # last: another thread that sees it counts through the new door at once
        self.accounts.enter(block, row)

    def _change_door(self, *, many: bool) -> None:
        self._door = (many_subjects_door if many else one_subject_door)(self, self.accounts)
        if self._open:
            open_door(self._door)

    def _on_new_subject(self, row: int, subject: str) -> bool:
        """Before the first use of a subject: whether its row can be had. The overflow subject comes for all it stands for."""
        with self._lock:
            if subject:
                self._names.subject(row, subject)
                if self._open or not self._cells.keeps_rows:
                    self._tend()
                self._registry.wake_for_subject()
            if row == OVERFLOW_ROW:
                self.lose("too-many-subjects")
            return self._cells.has_room(max(self._registry.banks, 1), self.accounts.rows)

    def lose(self, reason: str) -> None:
        """Count a loss that may come often; it is told at each power of two, and at the end."""
        with self._lock:
            count = self.losses.add(reason)
            if self._open and not count & (count - 1):
                self._tell()

    def _tend(self) -> None:
        """Bring into files what can be brought there now. Whatever does not work is tried again at the next occasion."""
        try:
            if self._file is None:
                self._begin_file()
            self._cells.make_room(max(self._registry.banks, 1), self.accounts.rows)
            self._tell()
        except UNARMED as error:
            if not is_ours(error):
                raise

    def _tell(self) -> None:
        outside = self._cells.outside(self._registry.banks, self.accounts.rows)
        if self._file is not None:
            self._cells.note(outside)
            outside = 0
        self.losses.set("no-spool", outside)
        for loss, count in self.losses.untold():
            self._names.loss(loss, count)
        self._names.write()

    def _begin_file(self) -> None:
        if self._folder is None:
            return
        file = UsageFile(self._folder, self.incarnation)
        header = header_of(Identity(), self.incarnation, self._parent, self._digest, ROWS, SLOTS, self._cells.banks)
        try:
            descriptor = file.make(header, self._cells.file_bytes)
        except OSError:
            return
        try:
            self._cells.attach(file, descriptor)
            self._file = file
        except OSError:
            file.discard()
        finally:
            file.close(descriptor)

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

    def finish(self) -> None:
        """At exit: say so. Exit functions that were registered before the first metered import still count."""
        if not self._open or self._has_ended:
            return
        self._has_ended = True
        if self._clock is not None:
            self._clock.stop()
        if self._lock.acquire(True, PATIENCE_SECONDS):
            try:
                self._names.end()
                self._tend()
                if self._file is not None:
                    self._file.mark_ended()
            finally:
                self._lock.release()
        for thread in self._threads:
            thread.finish()

    def before_fork(self) -> None:
        """Nothing half done, and no second thread, while the process is copied."""
        if self._clock is not None:
            self._clock.stop()
        for thread in self._threads:
            thread.stop()
        self._is_forking = True
        self._fork_holds_lock = self._lock.acquire(True, PATIENCE_SECONDS)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._is_forking = False
        if self._fork_holds_lock:
            self._lock.release()
        if self._clock is not None and not self._has_ended:
            self._clock.go_on()
        self._start_threads()

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
        self._has_ended = False
        if self._clock is not None:
            self._clock.restart_in_child()
        self._cells.clear()
        self.losses.restart()
        self._new_incarnation(self.incarnation)
        if not self._cells.keeps_rows:
            self._begin_file()
            self.losses.add("no-ctypes")
        self.accounts.restart()
        if not self._cells.keeps_rows:
            self._change_door(many=self._many)
        if self._open:
            self._tend()
        self._registry.rearm()
        for thread in self._threads:
            thread.restart_in_child(self.incarnation)
        self._start_threads()


def _banks(environ: Mapping[str, str]) -> int:
    try:
        hooks = int(environ.get("METERIZE_HOOK_LIMIT", ""))
    except ValueError:
        return BANKS
    return max(-(-min(hooks, MOST_HOOKS) // SLOTS), BANKS)


def the_runtime() -> Runtime:
    """This process's runtime; an earlier import of this package may have made it, and hooks count there."""
    door = present_door()
    return Runtime(os.environ) if door is None else door.runtime


RUNTIME = the_runtime()
"""The runtime of this process."""
