"""Owns the hooks of a process by id: numbers them, arms what a module's table asks for, arms again."""

from __future__ import annotations

from .cells import SLOTS, slot_of
from .door import publish_slot
from .hook import Hook
from .in_place import InPlaceHooks
from .monitoring import MonitoringHooks
from .origin import is_ours
from .policy import SUBJECT, WINDOW, read_policy
from .rule import counter
from .system import System
from .table import INLINE, MONITORING, find_code, read_entry, read_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from .accounts import Accounts
    from .cells import CellStore
    from .losses import Losses
    from .names import Names
    from .table import Entry

UNARMED = (TypeError, ValueError, LookupError, AttributeError, RuntimeError, MemoryError)
"""What an interpreter that is not as we know it, or is out of memory, may raise while a hook is armed."""


class Registry:
    """The hooks of this process. Callers hold the runtime's lock."""

    def __init__(self, accounts: Accounts, cells: CellStore, losses: Losses, be_woken: Callable[[], bool]) -> None:
        self._accounts = accounts
        self._cells = cells
        self._losses = losses
        self._numbered: dict[str, Hook] = {}
        """All that have a number, armed or not."""
        self._hooks: dict[str, Hook] = {}
        count = counter(accounts, cells.note_window, be_woken)
        self._monitoring = MonitoringHooks(accounts, count)
        self._in_place = InPlaceHooks(accounts, count)

    @property
    def ids(self) -> tuple[str, ...]:
        """Hooks that could be armed."""
        return tuple(self._hooks)

    @property
    def banks(self) -> int:
        """So many are in use."""
        return -(-len(self._numbered) // SLOTS)

    def once_callback(self) -> Callable[[str], None]:
        """What code calls that retires in place."""
        return self._in_place.callback()

    def number(self, table: object, names: Names) -> None:
        """Give each hook of a module's table its number, and have it named, before it is armed."""
        known = read_table(table)
        for item in () if known is None else known[1]:
            try:
                entry = read_entry(item)
                if known is not None and entry is not None:
                    self._number(known[0], entry, names)
            except UNARMED as error:
                if not is_ours(error):
                    raise

    def _number(self, package: str, entry: Entry, names: Names) -> None:
        hook_id, feature, text, *_ = entry
        policy, present = read_policy(text), self._numbered.get(hook_id)
        if policy is None or (present is not None and present.policy.text == text):
            return
        number = len(self._numbered) if present is None else present.number
        if number < self._cells.banks * SLOTS:
            hook = Hook(hook_id, feature, package, policy, number, slot_of(number))
            names.hook(number, hook_id, feature, package, text)
            self._numbered[hook_id] = hook

    def arm(self, module: CodeType, table: object) -> None:
        """Arm what the table of this module asks for; what can't be armed is a loss."""
        known = read_table(table)
        if known is None:
            self._losses.add("unknown-hook-table")
            return
        package, items = known
        for item in items:
            entry = None
            try:
                entry = read_entry(item)
                reason = "unknown-hook" if entry is None else self._arm_entry(module, entry)
            except UNARMED as error:
                if not is_ours(error):
                    raise
                reason = "not-armed"
            if reason is not None:
                hook_id, feature = ("", "") if entry is None else entry[:2]
                self._losses.add(reason, package, feature, hook_id)

    def _arm_entry(self, module: CodeType, entry: Entry) -> str | None:
        hook_id, _, _, mechanism, path, offset, extra = entry
        code = find_code(module, path)
        if code is None or offset >= len(code._co_code_adaptive):  # type: ignore[attr-defined] # of co_code a copy is kept
            return "no-such-code"
        hook = self._numbered.get(hook_id)
        if hook is None:
            return "not-armed" if len(self._numbered) < self._cells.banks * SLOTS else "too-many-hooks"
        if not self._cells.has_room(hook.number // SLOTS + 1, self._accounts.rows):
            return "no-room"
        if mechanism == INLINE:
            publish_slot(hook_id, hook.slot)
        else:
            if mechanism == MONITORING:
                reason = self._monitoring.arm(code, offset, hook, at_entry=bool(extra))
            else:
                reason = self._in_place.arm(code, offset, extra, hook)
            if reason is not None:
                return reason
        self._hooks[hook_id] = hook
        return None

    def __iter__(self) -> Iterator[Hook]:
        """All that have a number."""
        return iter(list(self._numbered.values()))

    def snapshot(self) -> dict[str, int]:
        """Uses in this process by hook id."""
        totals = self._cells.totals(len(self._numbered), self._accounts.rows)
        return {hook_id: totals[hook.number] for hook_id, hook in self._hooks.items()}

    def rearm(self) -> None:
        """Let the hooks that went away fire once more."""
        gone = {hook for hook in self._hooks.values() if hook.has_counted}
        for hook in gone:
            hook.begin_anew()
        self._wake(gone)

    def _wake(self, hooks: set[Hook]) -> None:
        if hooks:
            self._monitoring.rearm(hooks)
            self._in_place.rearm()

    def wake_for_subject(self) -> None:
        """There is a new subject: hooks that count the first use of each wait for it."""
        asleep = {hook for hook in self._hooks.values() if hook.policy.kind == SUBJECT and not hook.left}
        for hook in asleep:
            hook.left = 1
        self._wake(asleep)

    @property
    def windows(self) -> list[Hook]:
        """Hooks that count the first use in each window of time."""
        return [hook for hook in list(self._numbered.values()) if hook.policy.kind == WINDOW]

    def next_window(self) -> float | None:
        """In how many seconds the next of the hooks that sleep is to be woken; None if none sleeps."""
        ends = [(hook.fired + 1) * hook.policy.seconds for hook in self.windows if not hook.left]
        return max(min(ends) - System.time(), 0.0) if ends else None

    def wake_for_window(self) -> None:
        """Wake the hooks whose window is over. Where somebody has set the clock back, a window may be one that was counted."""
        awake: set[Hook] = set()
        for hook in self.windows:
            window = int(System.time() // hook.policy.seconds)
            if not hook.left and hook.fired < window:
                hook.woken = window
                hook.left = 1
                awake.add(hook)
            elif hook.fired > window:
                hook.fired = window
        self._wake(awake)
