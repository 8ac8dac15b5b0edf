"""Owns the policies: what a hook counts before it goes away, as the hook table says it. docs/plan.md explains them."""

from __future__ import annotations

EVERY, FIRST, SUBJECT, WINDOW = 0, 1, 2, 3
"""Every use; the first so many; the first of each subject; the first in each window of time."""
PER_SUBJECT = "once-per-subject"
PER_WINDOW = "once-per-window="
FIRST_FEW = "first="
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Policy:
    """``text`` as in the table; a hook may count ``uses`` before it goes away, 0 where it stays; ``seconds`` of a window."""

    __slots__ = ("kind", "seconds", "text", "uses")

    def __init__(self, text: str, kind: int, uses: int = 1, seconds: int = 0) -> None:
        self.text = text
        self.kind = kind
        self.uses = uses
        self.seconds = seconds

    @property
    def stays(self) -> bool:
        """Whether it counts every use."""
        return self.kind == EVERY


def read_policy(text: str) -> Policy | None:
    """The policy that this text means, if any."""
    if text == "every":
        return Policy(text, EVERY, 0)
    if text == "once":
        return Policy(text, FIRST)
    if text == PER_SUBJECT:
        return Policy(text, SUBJECT)
    if text.startswith(FIRST_FEW):
        uses = _number(text[len(FIRST_FEW) :])
        return Policy(text, FIRST, uses) if uses else None
    if text.startswith(PER_WINDOW):
        seconds = _number(text[len(PER_WINDOW) : -1]) * UNITS.get(text[-1], 0)
        return Policy(text, WINDOW, 1, seconds) if seconds else None
    return None


def _number(text: str) -> int:
    """0 where it is none, or begins with one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 and text[0] != "0" else 0
