"""Owns what the hooks' code finds in ``builtins``.

``__meterize__`` is the door: inline code loads ``__meterize__.counts`` and indexes it with its slot. While a process has one
subject for life that is a plain attribute. Once somebody names a subject, another door takes its place whose ``counts`` asks
the context, in C: the same bytecode serves both.
"""

from __future__ import annotations

import builtins

from .digest import sha256_hex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .accounts import Accounts
    from .runtime import Runtime

DOOR_NAME = "__meterize__"
ONCE_NAME = "__meterize_once__"
GUARD_NAME = "__meterize_guard__"
SLOT_NAME = "__meterize_slot_{}__"
GUARD = (NameError, RecursionError, MemoryError, TypeError, AttributeError, IndexError)
"""What a hook's code may swallow: its own absence, and no room to run."""


class Door:
    """What every door can do, for tools."""

    __slots__ = ()
    runtime: Runtime

    @property
    def hooks(self) -> tuple[str, ...]:
        """Ids of the hooks that are armed, or were until they fired."""
        return self.runtime.armed_hooks()

    def snapshot(self) -> dict[str, int]:
        """Uses in this process by hook id, since it started."""
        return self.runtime.snapshot()

    def rearm(self) -> None:
        """Let the hooks that went away fire once more."""
        self.runtime.rearm()


def one_subject_door(runtime: Runtime, accounts: Accounts) -> Door:
    """The door of a process whose uses are all one subject's; a slot is what LOAD_ATTR is fastest at."""

    class OneSubjectDoor(Door):
        __slots__ = ("counts", "runtime")
        counts: memoryview[int]

    door = OneSubjectDoor()
    door.runtime = runtime
    door.counts = accounts.default
    return door


def many_subjects_door(runtime: Runtime, accounts: Accounts) -> Door:
    """The door that finds the row of the context's subject without a Python frame.

    ``ContextVar.get(door)`` answers the door itself where no subject is named; indexed, it is the default row.
    """
    row = accounts.default

    class ManySubjectsDoor(Door):
        __slots__ = ("runtime",)
        counts = property(accounts.current.get)
        __getitem__ = row.__getitem__
        __setitem__ = row.__setitem__

    door = ManySubjectsDoor()
    door.runtime = runtime
    return door


def open_door(door: Door) -> None:
    """Put this door where code looks for it; code that has passed the old one counts into the same rows."""
    setattr(builtins, DOOR_NAME, door)


def present_door() -> Door | None:
    """The door of this process, put there perhaps by an earlier import of this package."""
    door = getattr(builtins, DOOR_NAME, None)
    return door if hasattr(door, "runtime") else None


def publish(once: Callable[[str], None]) -> None:
    """Put the callable of the hooks that retire in place, and the guard of all, into ``builtins``."""
    setattr(builtins, GUARD_NAME, GUARD)
    setattr(builtins, ONCE_NAME, once)


def publish_slot(hook_id: str, slot: int) -> None:
    """Tell the inline code of this hook its slot."""
    setattr(builtins, SLOT_NAME.format(sha256_hex(hook_id)[:16]), slot)
