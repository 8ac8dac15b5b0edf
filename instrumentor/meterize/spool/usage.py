"""Owns the sums over a spool: who used what, where, and what was not metered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from meterize.model.usage import Unmetered

from .names_file import Loss
from .processes import ProcessUse, read_processes


@dataclass(frozen=True, slots=True, kw_only=True)
class UseTotal:
    """Uses of a feature by one subject (None: unknown) on one host, counted by so many processes.

    ``since`` is when the first of them began to count, ``until`` when the file system saw a change of one of their files last:
    a use may be later, by as much as the system takes to write memory back.
    """

    package: str
    feature: str
    subject: str | None
    host: str
    uses: int
    processes: int
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the spool holds; ``problems`` are sentences for the user about what could not be read."""

    totals: tuple[UseTotal, ...]
    unmetered: tuple[Unmetered, ...] = ()
    problems: tuple[str, ...] = ()


_Key: TypeAlias = tuple[str, str, str | None, str]


def read_uses(folder: Path) -> Usage:
    """Sum up the spool; a folder that is not there holds nothing."""
    processes, problems = read_processes(folder)
    totals: dict[_Key, UseTotal] = {}
    losses: Counter[Loss] = Counter()
    for process in processes:
        for total in totals_of(process):
            key = total.package, total.feature, total.subject, total.host
            totals[key] = _add(totals[key], total) if key in totals else total
        losses.update(process.losses)
        problems.extend(process.problems)
    return Usage(
        totals=tuple(totals[key] for key in sorted(totals, key=lambda key: (*key[:2], key[2] or "", key[3]))),
        unmetered=as_unmetered(losses),
        problems=tuple(problems),
    )


def as_unmetered(losses: Mapping[Loss, int]) -> tuple[Unmetered, ...]:
    """The losses of processes, in the order of their names."""
    return tuple(
        Unmetered(reason=reason, package=package, feature=feature, hook=hook, count=count)
        for (reason, package, feature, hook), count in sorted(losses.items())
    )


def totals_of(process: ProcessUse) -> list[UseTotal]:
    """What one process has counted; nothing where its file cannot be read."""
    if process.header is None or process.changed is None:
        return []
    uses: Counter[tuple[str, str, str | None]] = Counter()
    for (number, row), count in process.counts.items():
        hook = process.hooks[number]
        uses[hook.package, hook.feature, process.subjects.get(row)] += count
    return [
        UseTotal(
            package=package,
            feature=feature,
            subject=subject,
            host=process.header.host,
            uses=count,
            processes=1,
            since=process.header.made,
            until=max(process.changed, process.header.made),
        )
        for (package, feature, subject), count in uses.items()
    ]


def _add(one: UseTotal, other: UseTotal) -> UseTotal:
    return UseTotal(
        package=one.package,
        feature=one.feature,
        subject=one.subject,
        host=one.host,
        uses=one.uses + other.uses,
        processes=one.processes + other.processes,
        since=min(one.since, other.since),
        until=max(one.until, other.until),
    )
