"""Losses: what processes say they could not count; cumulative, so the highest report holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from meterize_ledger.model.report import Report
from meterize_ledger.model.time import micros, spelled

from .keyed import key_of
from .schema import losses, processes, sources


class Lost(Struct, frozen=True, kw_only=True):
    """Uses that were not metered, by reason: added up over processes."""

    reason: str
    package: str
    feature: str
    hook: str
    source: str
    host: str
    total: int
    processes: int
    seen: str


def keep_losses(connection: Connection, reports: Sequence[Report], numbers: Mapping[str, int]) -> None:
    """Keep the highest total of each loss."""
    rows: dict[bytes, dict[str, object]] = {}
    for report in reports:
        for loss in report.losses:
            texts = (loss.reason, loss.package, loss.feature, loss.hook)
            key = key_of(report.incarnation, *texts)
            if key in rows and int(str(rows[key]["total"])) >= loss.total:
                continue
            rows[key] = {
                "key": key,
                "process_id": numbers[report.incarnation],
                **dict(zip(("reason", "package", "feature", "hook"), texts, strict=True)),
                "total": loss.total,
                "seen": micros(report.seen),
            }
    if not rows:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(losses)
    kept = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={"total": statement.excluded.total, "seen": statement.excluded.seen},
        where=losses.c.total < statement.excluded.total,
    )
    connection.execute(kept, [rows[key] for key in sorted(rows)])


def list_losses(connection: Connection) -> list[Lost]:
    """All losses, by what they are of and where."""
    what = (losses.c.reason, losses.c.package, losses.c.feature, losses.c.hook, sources.c.name, processes.c.host)
    statement = (
        select(*what, func.sum(losses.c.total), func.count(), func.max(losses.c.seen))
        .join_from(losses, processes)
        .join(sources)
        .group_by(*what)
        .order_by(*what)
    )
    return [
        Lost(
            reason=row[0],
            package=row[1],
            feature=row[2],
            hook=row[3],
            source=row[4],
            host=row[5],
            total=int(row[6]),
            processes=row[7],
            seen=spelled(row[8]),
        )
        for row in connection.execute(statement)
    ]
