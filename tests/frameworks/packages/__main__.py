"""The tests of other people's packages against those packages with a hook at every block, on the interpreter that runs this.

python -m tests.frameworks.packages [NAMES] [--ways every once absent] [--few] [--jobs 2] [--folder KEPT] [--json OUT]

Exit code 1 if a test differs without an explanation in differences.toml, or an explanation is not needed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from tests.frameworks.explanations import Explanations, read_explanations
from tests.frameworks.ways import METERED, cache_folder

from meterize.cpython.versions import RELEASE

from .comparison import Compared, Conditions, compare_suites
from .report import Report, as_json, show
from .suites import Suite, read_suites

DIFFERENCES = Path(__file__).parent / "differences.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parse(arguments)
    progress = Console(stderr=True)
    version = RELEASE.rpartition(".")[0]
    chosen = choose(given.names, few=given.few)
    suites = [suite for suite in chosen if version not in suite.not_on]
    conditions = Conditions(
        ways=tuple(given.ways),
        folder=given.folder.resolve(),
        explanations=read_explanations(DIFFERENCES),
        version=version,
        seconds=given.timeout,
    )
    compared = compare_suites(suites, conditions, given.jobs, lambda name: progress.print(f"[dim]{name}[/]", highlight=False))
    report = Report(
        version=RELEASE,
        compared=tuple(compared),
        left_out=tuple(suite.name for suite in chosen if suite not in suites),
        unneeded=tuple(find_unneeded(compared, conditions.explanations, version)),
    )
    show(report, Console(width=160 if not sys.stdout.isatty() else None))
    if given.json:
        given.json.write_text(json.dumps(as_json(report), indent=1))
    return 0 if report.is_clean else 1


def choose(names: Sequence[str], *, few: bool = False) -> list[Suite]:
    """Those named, else all, or the quick ones."""
    suites = read_suites()
    if unknown := set(names) - suites.keys():
        raise SystemExit(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(suites)}")
    return [suites[name] for name in names or suites if names or suites[name].few or not few]


def find_unneeded(compared: Sequence[Compared], explanations: Explanations, version: str) -> list[str]:
    """Explanations of differences that there are not."""
    found: list[str] = []
    for one in compared:
        tests = [*one.tests, *(difference.test for difference in one.differences)]
        different = [difference.test for difference in one.differences]
        found += explanations.unneeded(one.way, version, [f"{one.suite}: "], tests, different)
    return found


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.frameworks.packages", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as jinja2; else all of suites.toml")
    parser.add_argument("--ways", nargs="+", choices=METERED, default=METERED)
    parser.add_argument("--few", action="store_true", help="some small ones, of all kinds")
    parser.add_argument("--jobs", type=int, default=1, help="how many packages at a time")
    parser.add_argument("--timeout", type=float, default=900, metavar="SECONDS", help="for one run of a suite")
    parser.add_argument("--folder", type=Path, default=cache_folder("packages"), help="where environments are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
