"""Answers questions about usage out of a spool, as far as totals can."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from meterize.errors import UsageError
from meterize.model.usage import Question, UsageAnswer, UseRow

from .names_file import Loss
from .processes import ProcessUse, read_processes
from .usage import as_unmetered, totals_of

_Group: TypeAlias = tuple[str | None, ...]


def answer_question(folder: Path, question: Question) -> UsageAnswer:
    """The uses that the spool holds now; a folder that is not there holds nothing. Raises UsageError."""
    _refuse_times(question)
    processes, problems = read_processes(folder)
    rows: dict[_Group, UseRow] = {}
    losses: Counter[Loss] = Counter()
    for process in processes:
        for group, row in _rows_of(process, question).items():
            rows[group] = _join(rows.get(group), row, processes=1)
        losses.update(process.losses)
        problems.extend(process.problems)
    kept = sorted(rows.values(), key=lambda row: (-row.uses, [part or "" for part in row.group]))
    return UsageAnswer(
        question=question,
        source=str(folder),
        rows=tuple(kept[: question.top]),
        total=sum(row.uses for row in kept),
        others=0 if question.top is None else sum(row.uses for row in kept[question.top :]),
        unmetered=tuple(lost for lost in as_unmetered(losses) if question.concerns(lost.feature)),
        problems=tuple(problems),
    )


def _rows_of(process: ProcessUse, question: Question) -> dict[_Group, UseRow]:
    """A process counts once in a group, however many of its features or subjects fall into it."""
    rows: dict[_Group, UseRow] = {}
    for group, row in _asked_of(process, question):
        rows[group] = _join(rows.get(group), row, processes=0)
    return rows


def _asked_of(process: ProcessUse, question: Question) -> Iterator[tuple[_Group, UseRow]]:
    for total in totals_of(process):
        if question.features and total.feature not in question.features:
            continue
        if question.subjects and total.subject not in question.subjects:
            continue
        group = tuple(getattr(total, name) for name in question.by)
        yield group, UseRow(group=group, uses=total.uses, processes=1, since=total.since, until=total.until)


def _join(one: UseRow | None, other: UseRow, *, processes: int) -> UseRow:
    if one is None:
        return other
    return UseRow(
        group=one.group,
        uses=one.uses + other.uses,
        processes=(one.processes or 0) + processes,
        since=min(filter(None, (one.since, other.since))),
        until=max(filter(None, (one.until, other.until))),
    )


def _refuse_times(question: Question) -> None:
    asked = {
        f"--by {question.unit}": question.unit,
        "--from": question.start,
        "--to": question.end,
        "--compare": question.compare,
    }
    given = [option for option, value in asked.items() if value]
    if given:
        names = ",".join(filter(None, (*question.by, question.unit)))
        raise UsageError(
            f"a spool knows totals only, not when each use was: {', '.join(given)} cannot be answered from it",
            slug="spool-totals-only",
            hint=f"A ledger knows: meterize usage --ledger URL --by {shlex.quote(names)}",
        )
