"""Owns the agent's own numbers, and their form for Prometheus (text exposition format 0.0.4)."""

# pathlib is no light import, and this runs in applications:
# ruff: noqa: PTH123

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OUTCOMES = ("confirmed", "too-large", "refused", "unauthorized", "unavailable")
STATES = ("alive", "dead", "unknown", "damaged")
WHY_LIMIT = 20


@dataclass(slots=True)
class Metrics:
    """Since the agent started, but for what is said to be as of the last round."""

    rounds: int = 0
    requests: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    sent_bytes: int = 0
    counters: int = 0
    """Totals that the ledger confirmed."""
    removed: int = 0
    failures: int = 0
    """Tries in a row that did not succeed, until now."""
    failure: str = ""
    """Why the last of them did not."""
    processes: int = 0
    """Those of which the ledger confirmed anything in the last round."""
    round_seconds: float = 0.0
    last_success: float = 0.0
    """Seconds since 1970; 0: none yet."""
    files: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    refused: int = 0
    old_files: int = 0
    troubles: list[str] = field(default_factory=list)
    """What is wrong now, in words."""

    def health(self) -> tuple[bool, dict[str, object]]:
        """Whether the ledger took what was last sent and nothing lies damaged; and what there is to say."""
        return not self.failures and not self.troubles, {
            "status": "failing" if self.failures else "troubled" if self.troubles else "ok",
            "failures": self.failures,
            "last_success": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.last_success)) if self.last_success else None,
            "files": self.files,
            "refused": self.refused,
            "troubles": [*([self.failure] if self.failures else []), *self.troubles][:WHY_LIMIT],
        }

    def text(self) -> str:
        """All of it, as Prometheus reads it."""
        return "".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _metric("rounds_total", "counter", "Looks at the spool.", {"": self.rounds})
        yield from _metric("requests_total", "counter", "Requests by outcome.", _labelled("outcome", self.requests))
        yield from _metric("sent_bytes_total", "counter", "Bytes of request bodies.", {"": self.sent_bytes})
        yield from _metric("counters_confirmed_total", "counter", "Totals the ledger confirmed.", {"": self.counters})
        yield from _metric("files_removed_total", "counter", "Confirmed files of dead processes.", {"": self.removed})
        yield from _metric("failures", "gauge", "Failed tries in a row.", {"": self.failures})
        yield from _metric("round_seconds", "gauge", "How long the last round took.", {"": round(self.round_seconds, 6)})
        yield from _metric("last_success_seconds", "gauge", "When the ledger last confirmed.", {"": self.last_success})
        yield from _metric("files", "gauge", "Usage files by state of their process.", _labelled("state", self.files))
        yield from _metric("refused", "gauge", "Totals and losses that the ledger will not have.", {"": self.refused})
        yield from _metric("old_files", "gauge", "Files of older versions in the spool.", {"": self.old_files})
        yield from _metric("cpu_seconds_total", "counter", "CPU time of this process.", {"": round(time.process_time(), 3)})
        yield from _metric("resident_bytes", "gauge", "Memory of this process.", {"": resident_bytes()})


def _metric(name: str, kind: str, text: str, values: dict[str, float]) -> Iterator[str]:
    yield f"# HELP meterize_agent_{name} {text}\n# TYPE meterize_agent_{name} {kind}\n"
    for labels, value in values.items():
        yield f"meterize_agent_{name}{labels} {value}\n"


def _labelled(label: str, values: dict[str, int]) -> dict[str, float]:
    return {f'{{{label}="{key}"}}': value for key, value in values.items()}


def resident_bytes() -> int:
    """Of this process, of /proc/self/statm."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
