"""How much the server takes, of whom and how often."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes of a body, items of a batch (counters, losses, events), one token's requests a second, all at once, exports."""

    body: int = 8 * 1024 * 1024
    items: int = 10_000
    rate: float = 200.0
    burst: int = 400
    at_once: int = 64
    exports: int = 4
