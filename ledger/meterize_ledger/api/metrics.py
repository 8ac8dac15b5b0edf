"""Metrics of the server in Prometheus' text form; they hold no name of a source, a subject or a feature."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One server's numbers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("meterize_ledger_requests", "Requests answered", ("path", "status"), registry=self._registry)
        self.seconds = Histogram("meterize_ledger_request_seconds", "Time to the answer", ("path",), registry=self._registry)
        self.items = Counter("meterize_ledger_items", "Counters and events taken", ("path",), registry=self._registry)
        self.records = Counter("meterize_ledger_records", "Records appended", ("path",), registry=self._registry)
        self.differing = Counter(
            "meterize_ledger_differing", "Known by their id, with other content", ("path",), registry=self._registry
        )
        self.under_way = Gauge("meterize_ledger_requests_under_way", "Requests not answered yet", registry=self._registry)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)
