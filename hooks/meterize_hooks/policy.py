"""Owns the policies: how often a hook counts before it goes away, as the hook table says it."""

from __future__ import annotations


class Policy:
    """``text`` as in the table; ``uses`` so many are counted before the hook goes away, 0 where it stays."""

    __slots__ = ("text", "uses")

    def __init__(self, text: str, uses: int) -> None:
        self.text = text
        self.uses = uses

    @property
    def stays(self) -> bool:
        """Whether it counts every use."""
        return not self.uses


def read_policy(text: str) -> Policy | None:
    """The policy that this text means, if any."""
    if text == "every":
        return Policy(text, 0)
    if text == "once":
        return Policy(text, 1)
    return None
