"""What agents and clients send, made for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from meterize_ledger.model.event import Event
from meterize_ledger.model.report import Counter, Loss, Report

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INCARNATION = "01939c00-0000-7000-8000-00000000000"


def counter(total: int, subject: str | None = "ada", *, hook: str = "tablib/xlsx/1", feature: str = "xlsx") -> Counter:
    return Counter(hook=hook, feature=feature, package="tablib", policy="every", subject=subject, total=total)


def report(
    *counters: Counter, process: int = 1, seen: datetime = NOON, losses: tuple[Loss, ...] = (), host: str = "h1"
) -> Report:
    return Report(
        incarnation=f"{INCARNATION}{process}",
        host=host,
        pid=process,
        started=NOON - timedelta(hours=1),
        seen=seen,
        counters=counters,
        losses=losses,
    )


def event(name: str, *, subject: str | None = "ada", time: datetime = NOON, kind: str = "xlsx", **data: object) -> Event:
    return Event(specversion="1.0", id=name, source="shop", type=kind, subject=subject, time=time, data=dict(data) or None)


def as_json(totals: Mapping[str | None, int], *, process: int = 1, seen: str = "2026-11-22T12:00:00Z") -> dict[str, object]:
    """A body of POST /api/v1/counters with one report."""
    return {
        "reports": [
            {
                "incarnation": f"{INCARNATION}{process}",
                "host": "h1",
                "pid": process,
                "started": "2026-11-22T11:00:00Z",
                "seen": seen,
                "final": False,
                "counters": [
                    {
                        "hook": "tablib/xlsx/1",
                        "feature": "xlsx",
                        "package": "tablib",
                        "policy": "every",
                        "subject": subject,
                        "total": total,
                    }
                    for subject, total in totals.items()
                ],
                "losses": [],
            }
        ]
    }
