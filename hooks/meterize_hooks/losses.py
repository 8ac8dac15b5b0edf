"""Owns what could not be metered, until it is reported: counted by reason, package, feature and hook."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Loss: TypeAlias = "tuple[str, str, str, str]"
    """Reason, package, feature, hook; empty where the reason has none."""


class Losses:
    """Losses to report. Small: one number for each distinct loss."""

    def __init__(self) -> None:
        self._counts: dict[Loss, int] = {}

    def add(self, reason: str, package: str = "", feature: str = "", hook: str = "", count: int = 1) -> None:
        """Note it."""
        loss = (reason, package, feature, hook)
        self._counts[loss] = self._counts.get(loss, 0) + count

    def unsent(self) -> Iterator[tuple[Loss, int]]:
        """Each loss with its count."""
        yield from list(self._counts.items())

    def settle(self, loss: Loss, count: int) -> None:
        """So many of this loss are reported."""
        self._counts[loss] -= count
        if not self._counts[loss]:
            del self._counts[loss]

    def restart(self) -> None:
        """What a forked child's parent lost, the parent reports."""
        self._counts.clear()
