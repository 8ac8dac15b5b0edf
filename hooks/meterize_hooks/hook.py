"""Owns a hook of this process, and how far it has come by its policy."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .policy import Policy

NEVER = -1


class Hook:
    """A hook that counts under ``number``, in cell ``slot`` of a row.

    Of one that goes away, ``left`` is how many uses it may still count until it does. ``seen`` holds the rows (by id) that have
    been counted once per subject, ``fired`` the newest window of time that has been counted, ``woken`` the one since which
    it waits for the next use. Whoever counts looks, counts and notes it in one line of bytecode without a call, so that no
    thread comes between.
    """

    __slots__ = ("feature", "fired", "id", "left", "number", "package", "policy", "seen", "slot", "woken")

    def __init__(self, hook_id: str, feature: str, package: str, policy: Policy, number: int, slot: int) -> None:
        self.id = hook_id
        self.feature = feature
        self.package = package
        self.policy = policy
        self.number = number
        self.slot = slot
        self.begin_anew()

    def begin_anew(self) -> None:
        """As if it had never counted."""
        self.seen: dict[int, None] = {}
        self.fired = self.woken = NEVER
        self.left = self.policy.uses

    @property
    def has_counted(self) -> bool:
        """Whether it has, since it began."""
        return self.left != self.policy.uses or bool(self.seen) or self.fired != NEVER
