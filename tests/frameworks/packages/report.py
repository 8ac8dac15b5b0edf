"""Shows what a comparison of packages found: a table for people, JSON for the page that keeps the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from tests.frameworks.differences import Difference

from .comparison import Compared

COLUMNS = ("package", "way", "hooks", "fired", "tests compared", "differences", "explained", "unexplained")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything of one run. ``left_out`` are suites that are not for this interpreter."""

    version: str
    compared: tuple[Compared, ...]
    left_out: tuple[str, ...]
    unneeded: tuple[str, ...]

    @property
    def unexplained(self) -> list[tuple[str, Difference]]:
        return [(one.way, found) for one in self.compared for found in one.differences if found.reason is None]

    @property
    def broken(self) -> list[str]:
        lost = [f"{one.suite}, {one.way}: a use of {hook} was not counted" for one in self.compared for hook in one.lost]
        return [f"{one.suite}, {one.way}: {text}" for one in self.compared for text in one.broken] + lost

    @property
    def is_clean(self) -> bool:
        return not (self.unexplained or self.unneeded or self.broken)


def rows(report: Report) -> Iterator[dict[str, str]]:
    """The table, by column."""
    for one in report.compared:
        reasons = Counter(found.reason for found in one.differences if found.reason)
        yield dict(
            zip(
                COLUMNS,
                (
                    one.release,
                    one.way,
                    f"{one.hooks:,}",
                    f"{one.fired:,}",
                    f"{len(one.tests):,}",
                    f"{len(one.differences):,}",
                    ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items())),
                    str(sum(found.reason is None for found in one.differences)),
                ),
                strict=True,
            )
        )


def as_json(report: Report) -> dict[str, object]:
    compared = [{**asdict(one), "tests": len(one.tests)} for one in report.compared]
    return {**asdict(report), "compared": compared, "table": list(rows(report)), "clean": report.is_clean}


def show(report: Report, console: Console) -> None:
    table = Table(*COLUMNS, title=f"CPython {report.version}: packages with a hook at every block, against the same untouched")
    for row in rows(report):
        table.add_row(*row.values())
    console.print(table)
    for way, found in report.unexplained:
        console.print(f"differs ({way}) {found.test}: {', '.join(found.bare)} → {', '.join(found.hooked)}", markup=False)
        console.print("\n".join(f"    {line}" for line in found.details.splitlines()[-14:]), markup=False, style="dim")
    _list(console, "no longer needed", report.unneeded)
    _list(console, "worthless", report.broken)
    _list(console, "refused", [f"{one.suite}, {one.way}: {text}" for one in report.compared for text in one.refused])
    _list(console, "not on this interpreter", report.left_out)


def _list(console: Console, title: str, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(f"{title}: {line}", markup=False, highlight=False)
