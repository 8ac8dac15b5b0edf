"""Owns the hooks of a process, by policy, and the fires of those that go away."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Fires: TypeAlias = "dict[tuple[OnceHook, int], tuple[str | None, float]]"


class EveryHook:
    """A hook that stays: its code counts into ``slot`` of the current subject's row."""

    __slots__ = ("feature", "id", "package", "slot")

    def __init__(self, hook_id: str, feature: str, package: str, slot: int) -> None:
        self.id = hook_id
        self.feature = feature
        self.package = package
        self.slot = slot


class OnceHook:
    """A hook that goes away when it has fired. Arming it again begins a new generation, in which it may fire once more.

    ``fired`` is the newest generation in which it did; ``uses`` how many fires have been gathered in this process.
    """

    __slots__ = ("feature", "fired", "gathered", "generation", "id", "package", "uses")

    def __init__(self, hook_id: str, feature: str, package: str) -> None:
        self.id = hook_id
        self.feature = feature
        self.package = package
        self.generation = 1
        self.fired = 0
        self.gathered = 0
        self.uses = 0


class Fire:
    """One use that a hook which went away has seen: the ``number``-th of its hook in this process."""

    __slots__ = ("hook", "number", "seconds", "subject")

    def __init__(self, hook: OnceHook, number: int, subject: str | None, seconds: float) -> None:
        self.hook = hook
        self.number = number
        self.subject = subject
        self.seconds = seconds
