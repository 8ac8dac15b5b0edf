"""Processes: incarnations of metered programs, each of one source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import UpdateBase

from meterize_ledger.errors import Problem, Refused
from meterize_ledger.model.report import Report
from meterize_ledger.model.time import micros

from .keyed import Find
from .many import Many
from .schema import processes
from .sources import Source

_FIND: Final = Find(
    select(processes.c.incarnation, processes.c.id, processes.c.source_id).where(
        processes.c.incarnation.in_(bindparam("keys", expanding=True))
    ),
    kind="TEXT",
)


def bind_processes(connection: Connection, source: Source, reports: Sequence[Report]) -> dict[str, int]:
    """The numbers of the reports' processes, by incarnation; what is newer than known is written.

    Raises Refused where one belongs to another source: its counts would otherwise stand in two chains.
    """
    _write(connection, source, reports)
    owners: dict[str, tuple[int, int]] = {}
    for name, number, owner in _FIND(connection, {report.incarnation for report in reports}):
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
    last: dict[str, tuple[Report, int, int]] = {}
    for report in reports:
        before = last.get(report.incarnation)
        seen, final = micros(report.seen), int(report.final)
        if before is not None:
            report, seen, final = before[0], max(seen, before[1]), max(final, before[2])  # noqa: PLW2901 - the first one's names
        last[report.incarnation] = (report, seen, final)
    _KEEP(
        connection,
        [
            (name, source.id, report.host, report.pid, micros(report.started), seen, final)
            for name, (report, seen, final) in sorted(last.items())
        ],
    )


def _keeping(is_sqlite: bool) -> UpdateBase:
    statement = (sqlite if is_sqlite else postgresql).insert(processes)
    larger = func.max if is_sqlite else func.greatest
    keeping: UpdateBase = statement.on_conflict_do_update(
        index_elements=["incarnation"],
        set_={name: larger(processes.c[name], statement.excluded[name]) for name in ("seen", "final")},
        where=processes.c.source_id == statement.excluded.source_id,
    )
    return keeping


_KEEP: Final = Many(_keeping, ("incarnation", "source_id", "host", "pid", "started", "seen", "final"))
