"""Shows what a comparison found: a table for people, JSON for the page that keeps the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from tests.frameworks.differences import Difference

from .comparison import Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything of one run. ``absent`` are files that this interpreter lacks; ``broken`` says what makes the run worthless."""

    version: str
    hooks: int
    modules: int
    compared: tuple[Compared, ...]
    absent: tuple[str, ...]
    refused: tuple[str, ...]
    unneeded: tuple[str, ...]
    broken: tuple[str, ...]

    @property
    def ways(self) -> list[str]:
        return list(dict.fromkeys(one.way for one in self.compared))

    def of_way(self, way: str) -> list[Compared]:
        return [one for one in self.compared if one.way == way]

    @property
    def unexplained(self) -> list[tuple[str, Difference]]:
        return [(one.way, found) for one in self.compared for found in one.differences if found.reason is None]

    @property
    def is_clean(self) -> bool:
        return not (self.unexplained or self.unneeded or self.broken)


def summarize(report: Report) -> Iterator[dict[str, object]]:
    """The rows of the table."""
    for way in report.ways:
        compared = report.of_way(way)
        found = [difference for one in compared for difference in one.differences]
        yield {
            "way": way,
            "files": len(compared),
            "tests": sum(len(one.tests) for one in compared),
            "differences": len(found),
            "explained": dict(Counter(one.reason for one in found if one.reason)),
            "unexplained": sum(one.reason is None for one in found),
        }


def as_json(report: Report) -> dict[str, object]:
    compared = [{**asdict(one), "tests": len(one.tests)} for one in report.compared]
    return {**asdict(report), "compared": compared, "summary": list(summarize(report)), "clean": report.is_clean}


def show(report: Report, console: Console) -> None:
    title = f"CPython {report.version}: {report.hooks:,} hooks in {report.modules} modules of its standard library"
    table = Table("way", "files", "tests compared", "differences", "explained", "unexplained", title=title)
    for row in summarize(report):
        explained = row["explained"]
        assert isinstance(explained, dict)
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(explained.items()))
        table.add_row(
            str(row["way"]), *(f"{row[key]:,}" for key in ("files", "tests", "differences")), reasons, str(row["unexplained"])
        )
    console.print(table)
    for way, found in report.unexplained:
        outcomes = f"{', '.join(found.bare)} → {', '.join(found.hooked)}"
        console.print(f"[red]differs[/] ({way}) {found.test}: {outcomes}", highlight=False)
        console.print(_indented(found.details), markup=False, highlight=False, style="dim")
    _list(console, "no longer needed", report.unneeded)
    _list(console, "worthless", report.broken)
    _list(console, "refused", report.refused)
    if report.absent:
        console.print(f"this interpreter lacks {', '.join(report.absent)}", highlight=False)


def _list(console: Console, title: str, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(f"[red]{title}[/] {line}", highlight=False)


def _indented(text: str, lines: int = 12) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
