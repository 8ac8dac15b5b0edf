"""Processes: incarnations of metered programs, each of one source."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from meterize_ledger.errors import Problem, Refused
from meterize_ledger.model.report import Report
from meterize_ledger.model.time import micros

from .keyed import CHUNK
from .schema import processes
from .sources import Source

_FIND = select(processes.c.incarnation, processes.c.id, processes.c.source_id).where(
    processes.c.incarnation.in_(bindparam("keys", expanding=True))
)


def bind_processes(connection: Connection, source: Source, reports: Sequence[Report]) -> dict[str, int]:
    """The numbers of the reports' processes, by incarnation; what is newer than known is written.

    Raises Refused where one belongs to another source: its counts would otherwise stand in two chains.
    """
    _write(connection, source, reports)
    owners: dict[str, tuple[int, int]] = {}
    names = sorted({report.incarnation for report in reports})
    for at in range(0, len(names), CHUNK):
        for name, number, owner in connection.execute(_FIND, {"keys": names[at : at + CHUNK]}):
            owners[name] = (number, owner)
    problems: list[Problem] = [
        {"report": index, "reason": "this incarnation is another source's"}
        for index, report in enumerate(reports)
        if owners[report.incarnation][1] != source.id
    ]
    if problems:
        raise Refused(
            "a process is reported by another source than before",
            slug="items-refused",
            hint="Use a token of the source that reported it first: `meterize ledger token add --source THAT-SOURCE`.",
            problems=problems,
        )
    return {name: number for name, (number, _) in owners.items()}


def _write(connection: Connection, source: Source, reports: Sequence[Report]) -> None:
    rows: dict[str, dict[str, object]] = {}
    for report in reports:
        seen, final = micros(report.seen), int(report.final)
        row = rows.setdefault(
            report.incarnation,
            {
                "incarnation": report.incarnation,
                "source_id": source.id,
                "host": report.host,
                "pid": report.pid,
                "started": micros(report.started),
                "seen": seen,
                "final": final,
            },
        )
        row["seen"] = max(seen, int(str(row["seen"])))
        row["final"] = max(final, int(str(row["final"])))
    if not rows:
        return
    is_sqlite = connection.dialect.name == "sqlite"
    statement = (sqlite if is_sqlite else postgresql).insert(processes)
    larger = func.max if is_sqlite else func.greatest
    update = {name: larger(processes.c[name], statement.excluded[name]) for name in ("seen", "final")}
    own = statement.on_conflict_do_update(
        index_elements=["incarnation"], set_=update, where=processes.c.source_id == statement.excluded.source_id
    )
    connection.execute(own, [rows[name] for name in sorted(rows)])
