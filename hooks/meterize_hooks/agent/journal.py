"""Owns what the agent says on stderr: a line when something changes, not one each round; never a token."""

from __future__ import annotations

import os
import time

AGAIN_SECONDS = 600.0
TOPIC_LIMIT = 1000
LINE_LETTERS = 500


class Journal:
    """Lines, by topic: what was said last about a topic is not said again for a while."""

    def __init__(self, descriptor: int | None = 2) -> None:
        self._descriptor = descriptor
        self._said: dict[str, tuple[str, float]] = {}

    def tell(self, topic: str, text: str) -> None:
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
        line = "".join(letter if letter.isprintable() else "?" for letter in text[:LINE_LETTERS])
        try:
            os.write(self._descriptor, f"meterize agent: {line}\n".encode("utf-8", "backslashreplace"))
        except OSError:  # nobody reads it
            return
