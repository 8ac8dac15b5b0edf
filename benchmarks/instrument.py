"""What ``instrument`` and ``strip`` take, by the size of the package and by how many of its modules are hooked.

The package is generated. Its size should not matter: only hooked modules are read, rewritten and written.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import Report, Shown, options, say, summarize, take_in_turns
from packages import generate_package
from plans import write_generated_plan

from meterize.model.feature import Policy
from meterize.pipeline.metering.instrument import instrument
from meterize.pipeline.metering.strip import strip
from meterize.pipeline.target import Target

SIZES = (10, 100, 1000)
HOOKED = (1, 10, 100)
QUICK_SIZES = (2, 20)
QUICK_HOOKED = (1, 2)


class OpenedFiles:
    """Counts the files below a folder that are opened."""

    def __init__(self) -> None:
        self.count = 0
        self._below: str | None = None
        sys.addaudithook(self._hear)

    @contextmanager
    def counting(self, folder: Path) -> Iterator[None]:
        self.count, self._below = 0, f"{folder}{os.sep}"
        try:
            yield
        finally:
            self._below = None

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._below is not None and event == "open" and str(arguments[0]).startswith(self._below):
            self.count += 1


class Case:
    """A package of one size and a plan that hooks some of its modules."""

    opened = OpenedFiles()

    def __init__(self, folder: Path, size: int, hooked: int) -> None:
        self.title = f"{hooked} of {size}"
        self.name = f"package_{size}"
        self.site = folder / f"site_{size}"
        self.plan = folder / f"{size}.{hooked}.toml"
        self.files = {"instrument": 0, "strip": 0}
        self.stripping: list[float] = []
        if not self.site.exists():
            say(f"generating {size} modules")
            generate_package(self.site, self.name, size)
        # Spread over the package, so that neither its first nor its last files are favoured.
        write_generated_plan(self.plan, self.site, self.name, range(0, size, max(1, size // hooked)), Policy.EVERY)

    def run(self) -> float:
        """CPU milliseconds of an instrumentation; those of the strip that follows are kept."""
        target = Target(search_path=(str(self.site),))
        spent = self._timed("instrument", lambda: instrument(self.plan, target=target))
        self.stripping.append(self._timed("strip", lambda: strip(self.name, target=target)))
        return spent

    def _timed(self, key: str, work: Callable[[], object]) -> float:
        with self.opened.counting(self.site / self.name):
            begin = time.process_time()
            work()
            spent = time.process_time() - begin
        self.files[key] = self.opened.count
        return spent * 1000


def measure(sizes: tuple[int, ...], hooked: tuple[int, ...], rounds: int) -> Report:
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as folder:
        cases = [Case(Path(folder).resolve(), size, some) for some in hooked for size in sizes if some <= size]

        take_in_turns({case.title: case.run for case in cases}, 1)  # what is imported late, is now
        say(f"{rounds} rounds")
        samples = take_in_turns({case.title: case.run for case in cases}, rounds)
    rows: list[list[object]] = []
    for case in cases:
        figures = (summarize(samples[case.title]), summarize(case.stripping[-rounds:]))
        shown = [Shown(figure=figure, pattern="{:.1f} ms") for figure in figures]
        rows.append([case.title, *shown, case.files["instrument"], case.files["strip"]])
    report = Report("instrument")
    columns = ["modules hooked", "instrument", "strip", "files opened", "by strip"]
    note = f"CPU time, median of {rounds} rounds, lowest to highest; files opened inside the package's folder"
    report.add("To put hooks in, and to take them out", columns, rows, note)
    return report


def main() -> None:
    given = options(__doc__ or "").parse_args()
    # Where .pyc files are not written or lie elsewhere, this would measure something else.
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    sizes, hooked = (QUICK_SIZES, QUICK_HOOKED) if given.quick else (SIZES, HOOKED)
    report = measure(sizes, hooked, given.repeats or (1 if given.quick else 7))
    report.show(given)


if __name__ == "__main__":
    main()
