"""CPython's own tests against a standard library with a hook at every block, on the interpreter that runs this.

python -m tests.frameworks.cpython [--ways every once absent] [--files test_json test_re] [--few] [--jobs 2] [--json OUT]

Exit code 1 if a test differs without an explanation in differences.toml, or an explanation is not needed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from tests.frameworks.explanations import read_explanations
from tests.frameworks.ways import BARE, METERED, cache_folder

from meterize.cpython.versions import RELEASE

from .comparison import Compared, Conditions, compare_files
from .files import FEW, files_of
from .report import Report, as_json, show
from .trees import Tree, plant

DIFFERENCES = Path(__file__).parent / "differences.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parse(arguments)
    console = Console(stderr=True)
    version = RELEASE.rpartition(".")[0]
    names = list(FEW if given.few else given.files or files_of(version))
    trees = {way: plant(way, given.trees, only=given.only, jobs=given.jobs) for way in (BARE, *given.ways)}
    files = [name for name in names if trees[BARE].has_test_file(name)]
    if not files:
        raise SystemExit("this interpreter has none of these test files")
    conditions = Conditions(trees=trees, explanations=read_explanations(DIFFERENCES), version=version, seconds=given.timeout)
    compared = compare_files(files, conditions, given.jobs, lambda name: console.print(f"[dim]{name}[/]", highlight=False))
    report = make_report(compared, conditions, files, [name for name in names if name not in files])
    show(report, Console(width=160 if not sys.stdout.isatty() else None))
    if given.json:
        given.json.write_text(json.dumps(as_json(report), indent=1))
    return 0 if report.is_clean else 1


def make_report(compared: Sequence[Compared], conditions: Conditions, files: Sequence[str], lacking: Sequence[str]) -> Report:
    ways = [way for way in conditions.trees if way != BARE]
    prefixes = [f"test.{name}{end}" for name in files for end in ". "]
    unneeded: list[str] = []
    for way in ways:
        of_way = [one for one in compared if one.way == way]
        tests = [test for one in of_way for test in one.tests]
        different = [found.test for one in of_way for found in one.differences]
        unneeded += conditions.explanations.unneeded(way, conditions.version, prefixes, tests, different)
    hooked = conditions.trees[ways[0]]
    return Report(
        version=RELEASE,
        hooks=hooked.hooks,
        modules=hooked.modules,
        compared=tuple(compared),
        absent=tuple(lacking),
        refused=hooked.refused,
        unneeded=tuple(unneeded),
        broken=tuple(_broken(compared, conditions.trees)),
    )


def _broken(compared: Sequence[Compared], trees: Mapping[str, Tree]) -> list[str]:
    """What would make equal outcomes say nothing: hooks that were not there, or did not fire."""
    found = [f"{way}: {name} was changed by a test" for way, tree in trees.items() for name in tree.changed_files()]
    idle = (one for one in compared if trees[one.way].has_runtime != bool(one.fired))
    return found + [f"{one.way}, {one.file}: {one.fired} of {one.armed} hooks fired" for one in idle]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.frameworks.cpython", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ways", nargs="+", choices=METERED, default=METERED)
    parser.add_argument("--files", nargs="*", default=[], metavar="NAME", help="such as test_json; else all of files.txt")
    parser.add_argument("--few", action="store_true", help="a dozen quick files of all kinds")
    parser.add_argument("--only", nargs="*", default=[], metavar="PART", help="modules and packages to hook; else all")
    parser.add_argument("--jobs", type=int, default=1, help="how many files at a time")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="for one file")
    parser.add_argument("--trees", type=Path, default=cache_folder("stdlib"), help="where hooked interpreters are kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was found")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
