"""Owns what can be told of one usage file: totals, losses, the end; and a mark, which stays here, of what was looked at."""

from __future__ import annotations

from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from .names import LossKey


@dataclass(frozen=True, slots=True)
class Counter:
    """A cell's total, which the ledger does not have yet."""

    key: int
    total: int


@dataclass(frozen=True, slots=True)
class Loss:
    """How often something could not be metered, so far."""

    key: LossKey
    total: int


@dataclass(frozen=True, slots=True)
class Page:
    """All counters of this page came before; sends nothing itself."""

    key: int
    digest: int


@dataclass(frozen=True, slots=True)
class Final:
    """All of the file came before, read after its process had died."""

    key: str = "final"


if TYPE_CHECKING:
    Item: TypeAlias = Counter | Loss | Page | Final


class Memory:
    """How many totals may be remembered, over all processes; beyond, a changed page is sent whole."""

    def __init__(self, limit: int) -> None:
        self.left = limit
