"""Owns the hooks of a process by id: arms what a module's table asks for, gathers fires, arms again."""

from __future__ import annotations

from .door import publish_slot
from .hook import EveryHook, Fire, OnceHook
from .in_place import InPlaceHooks
from .monitoring import MonitoringHooks
from .origin import is_ours
from .table import INLINE, MONITORING, find_code, read_entry, read_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from .accounts import Account, Accounts
    from .hook import Fires
    from .losses import Losses
    from .table import Entry

UNARMED = (TypeError, ValueError, LookupError, AttributeError, RuntimeError, MemoryError)
"""What an interpreter that is not as we know it, or is out of memory, may raise while a hook is armed."""


class Registry:
    """The hooks of this process. Callers hold the runtime's lock."""

    def __init__(self, accounts: Accounts, losses: Losses) -> None:
        self._accounts = accounts
        self._losses = losses
        self._hooks: dict[str, EveryHook | OnceHook] = {}
        self._fires: Fires = {}
        self._monitoring = MonitoringHooks(self._fires, accounts)
        self._in_place = InPlaceHooks(self._fires, accounts)
        self.untold: dict[tuple[str, int], Fire] = {}
        """Fires that are not in the spool yet, by hook and number."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Hooks that could be armed."""
        return tuple(self._hooks)

    def once_callback(self) -> Callable[[str], None]:
        """What code calls that retires in place."""
        return self._in_place.callback()

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
                reason = "unknown-hook" if entry is None else self._arm_entry(module, package, entry)
            except UNARMED as error:
                if not is_ours(error):
                    raise
                reason = "not-armed"
            if reason is not None:
                hook_id, feature = ("", "") if entry is None else entry[:2]
                self._losses.add(reason, package, feature, hook_id)

    def _arm_entry(self, module: CodeType, package: str, entry: Entry) -> str | None:
        hook_id, feature, _, mechanism, path, offset, extra = entry
        code = find_code(module, path)
        if code is None or offset >= len(code.co_code):
            return "no-such-code"
        hook = self._hooks.get(hook_id)
        if mechanism == INLINE:
            if not isinstance(hook, EveryHook):
                hook = EveryHook(hook_id, feature, package, self._accounts.widen())
            publish_slot(hook_id, hook.slot)
        else:
            if not isinstance(hook, OnceHook):
                hook = OnceHook(hook_id, feature, package)
            if mechanism == MONITORING:
                reason = self._monitoring.arm(code, offset, hook, at_entry=bool(extra))
            else:
                reason = self._in_place.arm(code, offset, extra, hook)
            if reason is not None:
                return reason
        self._hooks[hook_id] = hook
        return None

    def gather(self) -> None:
        """Move fires from where hooks leave them to `untold`; what two threads in one hook at once have left counts once."""
        for key in list(self._fires):
            subject, seconds = self._fires[key]
            hook, generation = key
            if generation > hook.gathered:
                uses = hook.uses + 1
                self.untold[hook.id, uses] = Fire(hook, uses, subject, seconds)  # memory may end here; then it is done again
                hook.gathered = generation
                hook.uses = uses
            self._fires.pop(key, None)

    def unsent_counts(self) -> Iterator[tuple[EveryHook, Account, int]]:
        """(hook, account, count) of hooks that stay, wherever the spool has an older count."""
        hooks = {hook.slot: hook for hook in list(self._hooks.values()) if isinstance(hook, EveryHook)}
        for account, slot, count in self._accounts.unsent():
            if slot in hooks:
                yield hooks[slot], account, count

    def snapshot(self) -> dict[str, int]:
        """Uses in this process by hook id."""
        self.gather()
        return {
            hook_id: hook.uses if isinstance(hook, OnceHook) else self._accounts.total(hook.slot)
            for hook_id, hook in self._hooks.items()
        }

    def rearm(self) -> None:
        """Let the hooks that went away fire once more."""
        self.gather()
        for hook in self._hooks.values():
            if isinstance(hook, OnceHook) and hook.fired == hook.generation:
                hook.generation += 1
        self._monitoring.rearm()
        self._in_place.rearm()

    def restart(self) -> None:
        """In a forked child: no use has happened yet, and every hook is armed."""
        self.rearm()
        self.untold.clear()
        for hook in self._hooks.values():
            if isinstance(hook, OnceHook):
                hook.uses = 0
