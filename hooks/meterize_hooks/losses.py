"""Owns what could not be metered: counted by reason, package, feature and hook, since the process began."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Loss: TypeAlias = "tuple[str, str, str, str]"
    """Reason, package, feature, hook; empty where the reason has none."""


class Losses:
    """Losses, and which of them are told. Small: two numbers for each distinct loss."""

    def __init__(self) -> None:
        self._counts: dict[Loss, int] = {}
        self._told: dict[Loss, int] = {}

    @property
    def total(self) -> int:
        """How many there are, of all kinds."""
        return sum(self._counts.values())

    def add(self, reason: str, package: str = "", feature: str = "", hook: str = "") -> int:
        """Note it; how often that was by now."""
        loss = (reason, package, feature, hook)
        count = self._counts[loss] = self._counts.get(loss, 0) + 1
        return count

    def set(self, reason: str, count: int) -> None:
        """So much is lost by now. Nothing to tell if nothing ever was."""
        loss = (reason, "", "", "")
        if count or loss in self._counts:
            self._counts[loss] = count

    def untold(self) -> Iterator[tuple[Loss, int]]:
        """Each loss whose count has changed since it was told, which it is by this."""
        for loss, count in list(self._counts.items()):
            if self._told.get(loss) != count:
                yield loss, count
                self._told[loss] = count

    def restart(self) -> None:
        """What a forked child's parent lost, the parent reports."""
        self._counts.clear()
        self._told.clear()
