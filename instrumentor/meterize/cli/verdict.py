"""How a verdict looks on a terminal: a bar for each group of tests, before and after, the cost, and what failed by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from meterize.model.verdict import Difference, RoundTrip, Standing, TestGroup, Verdict, Verification

from . import output

SHOWN_TESTS = 8
SHOWN_LINES = 8
BAR = 24
"""Characters of a bar."""
SHOWN_DIGEST = 12


def show(found: Verification) -> None:
    """All features of a plan, then what they share."""
    console = output.stdout()
    trips = {trip.package.distribution: trip for trip in found.round_trips}
    for verdict in found.verdicts:
        _show_feature(console, verdict, trips[verdict.package.distribution])
    if found.cost is not None:
        seconds = sum(suite.seconds for suite in found.suites)
        untouched = sum(suite.untouched_seconds for suite in found.suites)
        console.print(
            f"Cost: {found.cost:.2f} × the CPU time of the suites ({seconds:.1f} s with hooks, {untouched:.1f} s without)"
        )
    console.print(f"Evidence: {escape(str(found.evidence_path))}", soft_wrap=True)
    console.print(f"[dim]SHA-256 {found.evidence_digest}[/]", soft_wrap=True)
    if found.kept_path is not None:
        console.print(f"The verdict that lay there passed, and is kept: {escape(str(found.kept_path))}", soft_wrap=True)
    output.warn(tuple(dict.fromkeys(warning for verdict in found.verdicts for warning in verdict.warnings)))
    console.print(f"Verdict: {_verdict(found.passed)}")


def _verdict(passed: bool) -> str:
    return "[bold green]passed[/]" if passed else "[bold red]failed[/]"


def _show_feature(console: Console, verdict: Verdict, trip: RoundTrip) -> None:
    made_for = f" [red](hooks made for {escape(verdict.made_for)})[/]" if verdict.made_for else ""
    title = f"[bold]{escape(verdict.plan.distribution)} {escape(verdict.package.version)}[/]{made_for}, feature "
    console.print(f"{title}[bold cyan]{escape(verdict.plan.feature)}[/]: {_verdict(verdict.passed)}")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for name, group, wanted in (("feature tests", verdict.feature, True), ("rest tests", verdict.rest, False)):
        often = _often(group) if wanted else ""
        table.add_row(name, f"{_bar(group, wanted=wanted)}  {group.fired} of {group.total} fired{often}")
    for name, passes in _suites(verdict):
        table.add_row(name, passes)
    table.add_row("before and after", _alike(verdict))
    table.add_row("round trip", _round(trip))
    console.print(table)
    for reason in verdict.reasons:
        console.print(f"[red]✗[/] {escape(reason)}", soft_wrap=True)
    _list(console, "[red]did not fire:[/]", verdict.feature.odd)
    _list(console, "[red]fired:[/]", verdict.rest.odd)
    _list(console, "[red]differs:[/]", _told(verdict.differences, Standing.FAULT))
    _list(console, "[yellow]flaky:[/]", _told(verdict.differences, Standing.FLAKY))
    _list(console, "[dim]by garbage collection:[/]", _told(verdict.differences, Standing.INCIDENTAL))
    _list(console, "[yellow]fails with hooks and without:[/]", verdict.failing_anyway)
    _list(console, "[dim]need not fire:[/]", verdict.feature.excused)
    for suite in (verdict.with_suite, *verdict.rest_suites):
        _list(console, "[dim]│[/]", suite.output[-SHOWN_LINES:])
    repeated = [f"{test} ({uses} uses)" for test, uses in verdict.feature.repeated.items()]
    _list(console, "[dim]fires more than once:[/]", repeated, most=3)


def _bar(group: TestGroup, *, wanted: bool) -> str:
    """The share of tests that fired: full only if all did, empty only if none."""
    cells = round(BAR * group.fired / group.total) if group.total else 0
    if 0 < group.fired < group.total:
        cells = min(max(cells, 1), BAR - 1)
    style = "red" if group.odd or not group.total or (wanted and not group.fired) else "green"
    return f"[{style}]{'█' * cells}[/][dim]{'·' * (BAR - cells)}[/]"


def _often(group: TestGroup) -> str:
    if group.spread is None:
        return ""
    least, _, most = group.spread
    if least == most:
        return f", {'once' if least == 1 else f'{least} uses'} each"
    return f", {least} to {most} uses each"


def _suites(verdict: Verdict) -> Iterable[tuple[str, str]]:
    own = bool(verdict.plan.without_command)
    names = ["--with", *(["--without"] if own else []), *verdict.plan.against]
    for name, suite in zip(names, (verdict.with_suite, *verdict.rest_suites), strict=True):
        codes = (suite.exit_code, suite.untouched_exit_code)
        if codes == (0, 0):
            yield escape(name), "[green]passes[/] with hooks and without"
        else:
            with_hooks, without = (
                "[green]passes[/]" if code == 0 else f"[{'yellow' if len(set(codes)) == 1 else 'red'}]fails ({code})[/]"
                for code in codes
            )
            yield escape(name), f"{with_hooks} with hooks, {without} without"


def _alike(verdict: Verdict) -> str:
    counts = {standing: len(_told(verdict.differences, standing)) for standing in Standing}
    alike = f"{len(verdict.tests) - counts[Standing.FAULT]} tests end and warn alike"
    faults = f"[red]{counts[Standing.FAULT]} do not[/]" if counts[Standing.FAULT] else ""
    flaky = f"[yellow]{counts[Standing.FLAKY]} flaky[/]" if counts[Standing.FLAKY] else ""
    anyway = f"[yellow]{len(verdict.failing_anyway)} fail both ways[/]" if verdict.failing_anyway else ""
    return ", ".join(filter(None, (alike, faults, flaky, anyway)))


def _round(trip: RoundTrip) -> str:
    if trip.problems:
        return "[red]strip and instrument do not lead back to the same bytes[/]"
    return f"[green]identical[/]: strip and instrument, {len(trip.files)} files"


def _told(differences: Sequence[Difference], standing: Standing) -> tuple[str, ...]:
    return tuple(f"{each.test or each.command}: {each.what}" for each in differences if each.standing is standing)


def _list(console: Console, what: str, tests: Sequence[str], most: int = SHOWN_TESTS) -> None:
    for test in tests[:most]:
        console.print(f"  {what} {escape(test)}", soft_wrap=True)
    if (more := len(tests) - most) > 0:
        console.print(f"  … and {more} more (--json lists all)")
