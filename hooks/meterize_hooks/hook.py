"""Owns a hook of this process, and by which rule it goes away."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .policy import Policy


class Hook:
    """A hook that counts under ``number``, in cell ``slot`` of a row.

    Of one that goes away, ``left`` is how many uses it may still count until it does; whoever counts reads it, counts and
    lowers it in one line of bytecode without a call, so that no thread comes between.
    """

    __slots__ = ("feature", "id", "left", "number", "package", "policy", "slot")

    def __init__(self, hook_id: str, feature: str, package: str, policy: Policy, number: int, slot: int) -> None:
        self.id = hook_id
        self.feature = feature
        self.package = package
        self.policy = policy
        self.number = number
        self.slot = slot
        self.left = policy.uses
