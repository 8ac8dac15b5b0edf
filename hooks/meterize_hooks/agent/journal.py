"""Owns what the agent says on stderr: a line when something changes, not one each round; never a token."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from .answers import BUSY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

AGAIN_SECONDS = 600.0
TOPIC_LIMIT = 1000
LINE_LETTERS = 700


class Journal:
    """Lines, by topic: what was said last about a topic is not said again for a while."""

    def __init__(self, descriptor: int | None = 2) -> None:
        self._descriptor = descriptor
        self._said: dict[str, tuple[str, float]] = {}

    def tell(self, topic: str, text: str, kind: str = "") -> None:  # noqa: ARG002 - for those who choose by it
        """Say it, unless it was just said."""
        now = time.monotonic()
        said, when = self._said.get(topic, ("", 0.0))
        if said == text and now - when < AGAIN_SECONDS:
            return
        if len(self._said) >= TOPIC_LIMIT:
            self._said.clear()
        self._said[topic] = text, now
        self._write(text)

    def settle(self, topic: str, text: str = "") -> None:
        """The topic is over; say so where it had been one."""
        if self._said.pop(topic, None) is not None and text:
            self._write(text)

    def _write(self, text: str) -> None:
        if self._descriptor is None:
            return
        write_line(self._descriptor, f"meterize agent: {text}")


class OnceJournal(Journal):
    """For a process that is not ours: why the ledger is not to be had, once for each kind of trouble, and nothing else ever.

    It outlives agents, which come and go around forks; a child does not say again what its parent said.
    """

    def __init__(self, is_over: Callable[[], bool]) -> None:
        super().__init__(None)
        self._is_over = is_over
        self._kinds = {BUSY}

    def tell(self, topic: str, text: str, kind: str = "") -> None:
        """Say it if nothing of the kind was ever said, unless we are being ended: that is no trouble of the ledger's."""
        if topic == "ledger" and kind not in self._kinds and not self._is_over():
            self._kinds.add(kind)
            # On the process's own stderr, if it has one; descriptor 2 may be anything where it has none.
            with suppress(Exception):
                if sys.__stderr__ is not None:
                    write_line(sys.__stderr__.fileno(), f"meterize: METERIZE_AGENT=thread delivers nothing: {text}")


def write_line(descriptor: int, text: str) -> None:
    """One line, whatever the text holds; past the buffers of ``sys.stderr``, whose lock nobody may hold at the end."""
    line = "".join(letter if letter.isprintable() else "?" for letter in text[:LINE_LETTERS])
    try:
        os.write(descriptor, f"{line}\n".encode("utf-8", "backslashreplace"))
    except OSError:  # nobody reads it
        return
