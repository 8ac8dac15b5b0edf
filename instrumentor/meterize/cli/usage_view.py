"""How usage looks: a table for people, an object for machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from meterize.model.usage import DIMENSIONS, Period, Question, Unmetered, UsageAnswer, UseRow

from . import output

BAR_COLUMNS = 20
WIDE_ENOUGH = 70
"""Columns of a terminal in which a bar leaves room for the numbers."""
NO_LIMIT = 100_000


def as_mapping(found: UsageAnswer) -> dict[str, Any]:
    """The JSON answer, with the same keys whoever gave it."""
    question, of_ledger = found.question, found.period is not None
    unit = () if question.unit is None else (question.unit,)
    return {
        "spool": None if of_ledger else found.source,
        "ledger": found.source if of_ledger else None,
        "by": [*question.by, *unit],
        "period": {**_period(found.period), "tz": question.zone if of_ledger else None},
        "previous": {**_period(found.previous), "total": _total(found.previous)},
        "uses": [_row_mapping(found, row) for row in found.rows],
        "others": found.others,
        "total": found.total,
        "unmetered": [unmetered_mapping(lost) for lost in found.unmetered],
        "problems": list(found.problems),
    }


def _period(period: Period | None) -> dict[str, str | None]:
    return {"from": None, "to": None} if period is None else {"from": period.start, "to": period.end}


def _total(period: Period | None) -> int | None:
    return None if period is None else period.total


def _row_mapping(found: UsageAnswer, row: UseRow) -> dict[str, Any]:
    return {
        **dict.fromkeys(DIMENSIONS),
        **dict(zip(found.question.by, row.group, strict=True)),
        "at": row.at,
        "uses": row.uses,
        "before": row.before,
        "processes": row.processes,
        "since": row.since and row.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "until": row.until and row.until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def unmetered_mapping(lost: Unmetered) -> dict[str, Any]:
    """The JSON of something that processes could not meter."""
    return {"reason": lost.reason, "package": lost.package, "feature": lost.feature, "hook": lost.hook, "count": lost.count}


def notes(found: UsageAnswer) -> list[str]:
    """What one should know beside the numbers, in sentences."""
    return [_not_metered(lost) for lost in found.unmetered] + list(found.problems)


def warn_of_unmetered(losses: Sequence[Unmetered]) -> None:
    """A line for each."""
    output.warn(tuple(map(_not_metered, losses)))


def _not_metered(lost: Unmetered) -> str:
    what = " ".join(printable(part) for part in (lost.package, lost.feature, lost.hook) if part)
    return f"not metered {lost.count}×: {printable(lost.reason)} {what}".rstrip()


def printable(name: str) -> str:
    """A name without what would move the cursor or colour the screen: whoever is metered may choose it."""
    return "".join(c if c.isprintable() else "�" for c in name)


def as_table(found: UsageAnswer, console: Console) -> RenderableType:
    """Who used what; or that nobody did. Where a spool's times have no room beside the names they are left out."""
    if not found.rows:
        return f"No uses{escape(_asked_for(found.question))} in {escape(found.source)}{_span(found.period)}."
    table = _table(found, console, _times(found))
    if found.period is None and _natural_width(table, console) > console.width:
        return Group("[bold]Uses[/]", _table(found, console, []))
    return Group(_title(found), table)


def _asked_for(question: Question) -> str:
    """Whose, or of what, where the question was not about all: a slip in a name looks like no use."""
    named = [("of", question.features), ("by", question.subjects)]
    return "".join(f" {word} {' or '.join(map(printable, names))}" for word, names in named if names)


def _table(found: UsageAnswer, console: Console, times: list[str]) -> Table:
    is_wide = console.width >= WIDE_ENOUGH + BAR_COLUMNS * found.question.compare
    has_bar = found.question.unit is not None and console.is_terminal and is_wide
    shown = [number for number, name in enumerate(found.question.by) if not _is_hidden(found, name)]
    table = _columns(found, shown, times, has_bar)
    most = max(1, *(row.uses for row in found.rows))
    with_offset = len({row.at[19:] for row in found.rows if row.at}) > 1
    for row in found.rows:
        names = [_name(row.group[at]) for at in shown]
        moments = _moments(found, row, with_offset) if times else []
        bar = [Bar(most, 0, max(row.uses, 0), color="cyan")] if has_bar else []
        table.add_row(*names, *moments, *_counts(row.uses, row.before), *bar)
    if found.others:
        before = None if found.previous is None else found.previous.total - sum(row.before or 0 for row in found.rows)
        table.add_section()
        table.add_row("[dim]others[/]", *[""] * (len(shown) + len(times) - 1), *_counts(found.others, before))
    _keep_figures(table, len(shown), console.width)
    return table


def _natural_width(table: Table, console: Console) -> int:
    """Columns of the terminal that it would take with nothing folded."""
    return Measurement.get(console, console.options.update(max_width=NO_LIMIT), table).maximum


def _columns(found: UsageAnswer, shown: list[int], times: list[str], has_bar: bool) -> Table:
    table = Table(show_footer=len(found.rows) > 1)
    for number in shown:
        table.add_column(found.question.by[number], overflow="fold")
    for name in times:
        table.add_column(name, no_wrap=True)
    for name, footer in _figures(found):
        table.add_column(name, footer, justify="right", no_wrap=True)
    if has_bar:
        table.add_column("", width=BAR_COLUMNS)
    table.columns[0].footer = "total"
    return table


def _name(name: str | None) -> str:
    return "[dim](unknown)[/]" if name is None else escape(printable(name))


def _keep_figures(table: Table, names: int, width: int) -> None:
    """Rather a line that the terminal wraps than a number that lacks digits. Columns of ``names`` may be folded."""
    needed = 1
    for number, column in enumerate(table.columns):
        texts = [column.header, column.footer, *(() if number < names else column.cells)]
        column.min_width = max(len(text) for text in texts if isinstance(text, str))
        needed += max(column.min_width, column.width or 0) + 3
    if needed > width:
        table.width = needed


def _is_hidden(found: UsageAnswer, name: str) -> bool:
    """The host, which nobody may have asked for, where there is only one."""
    by = found.question.by
    return name == "host" and len(by) == len(DIMENSIONS) and len({row.group[by.index(name)] for row in found.rows}) == 1


def _title(found: UsageAnswer) -> str:
    if found.period is None:
        return f"[bold]Uses[/], times in {escape(found.question.zone)}"
    title = f"[bold]Uses[/]{_span(found.period)}, {escape(found.question.zone)}"
    return f"{title}\n[dim]before:{_span(found.previous)}[/]" if found.previous else title


def _span(period: Period | None) -> str:
    return f" from {_minute(period.start)} to {_minute(period.end)}" if period else ""


def _minute(iso: str) -> str:
    return escape(printable(iso[:16].replace("T", " ")))


def _times(found: UsageAnswer) -> list[str]:
    if found.period is None:
        return ["since", "until"]
    return [found.question.unit] if found.question.unit else []


def _moments(found: UsageAnswer, row: UseRow, with_offset: bool) -> list[str]:
    """In the question's zone; an hour with its offset from UTC, where clocks change and it may come twice."""
    if found.period is not None:
        return [_minute(row.at) + (f" {escape(printable(row.at[19:]))}" if with_offset else "")] if row.at else []
    zone = ZoneInfo(found.question.zone)
    return [_minute(_local(time, zone)) for time in (row.since, row.until)]


def _local(time: datetime | None, zone: ZoneInfo) -> str:
    return time.astimezone(zone).isoformat() if time else ""


def _figures(found: UsageAnswer) -> list[tuple[str, str]]:
    """Heads and feet of the columns of numbers."""
    heads = ["uses"] if found.previous is None else ["uses", "before", "change", "%"]
    return list(zip(heads, _counts(found.total, _total(found.previous)), strict=True))


def _counts(uses: int, before: int | None) -> list[str]:
    if before is None:
        return [f"{uses:,}"]
    change = uses - before
    ratio = f"{change / before:+,.0%}" if before > 0 else "new" if uses else ""
    return [f"{uses:,}", f"{before:,}", f"{change:+,}" if change else "0", ratio]
