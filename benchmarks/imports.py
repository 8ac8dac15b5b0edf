"""What a metered package takes longer to import, and what the runtime takes to load: fresh processes, taken in turns."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measure import Report, Samples, Shown, added, clean_variables, options, ratio, say, summarize, take_in_turns
from packages import generate_package
from plans import write_generated_plan

from meterize.model.feature import Policy
from meterize.pipeline.metering.instrument import instrument
from meterize.pipeline.target import Target

MODULES = 100
TIMED = "import os, time; begin = time.thread_time_ns(); import {}; print(time.thread_time_ns() - begin)"
"""``os`` is there in every process: ``site`` imports it."""
NAME = "generated"


class Sites:
    """Folders with the same package in it, unmetered and metered in several ways."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def unmetered(self) -> Path:
        return self._generate("unmetered")

    def metered(self, hooked: int, policy: Policy) -> Path:
        """With a hook in so many modules, and the runtime beside it."""
        title = f"{policy.value}-{hooked}"
        site, plan = self._generate(title), self._folder / f"{title}.toml"
        write_generated_plan(plan, site, NAME, range(0, MODULES, MODULES // hooked), policy)
        instrument(plan, target=Target(search_path=(str(site),)))
        return site

    def _generate(self, title: str) -> Path:
        site = self._folder / title / "site-packages"
        generate_package(site, NAME, MODULES)
        return site


class Import:
    """``import MODULE`` in a fresh process whose path has ``site`` in front."""

    def __init__(self, module: str, site: Path, spool: Path) -> None:
        # -S: what the environment's own .pth files take is not ours.
        self._command = [sys.executable, "-S", "-c", TIMED.format(module)]
        self._variables = clean_variables() | {"PYTHONPATH": str(site), "METERIZE_SPOOL": str(spool)}
        self.whole: list[float] = []

    def __call__(self) -> float:
        """Milliseconds of CPU time of the import; those of the whole process, its end included, are kept in ``whole``."""
        process = subprocess.Popen(self._command, env=self._variables, stdout=subprocess.PIPE)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self._command} failed")
        self.whole.append((usage.ru_utime + usage.ru_stime) * 1000)
        return int(printed) / 1_000_000


def import_rows(imports: dict[str, Import], rounds: int, *, with_ratio: bool) -> list[list[object]]:
    """Each import against the first."""
    take_in_turns(imports, 1)
    for one in imports.values():
        one.whole.clear()
    samples = take_in_turns(imports, rounds)
    whole: Samples = {name: one.whole for name, one in imports.items()}
    base = next(iter(imports))
    rows: list[list[object]] = []
    for name in imports:
        took = Shown(figure=summarize(samples[name]), pattern="{:.1f} ms")
        more, times, more_whole = "", "", ""
        if name != base:
            more, more_whole = f"{added(samples, name, base):+.1f} ms", f"{added(whole, name, base):+.1f} ms"
            times = f"{ratio(samples, name, base):.2f}×" if with_ratio else ""
        rows.append([name, took, more, times, f"{summarize(whole[name]).median:.1f} ms", more_whole])
    return rows


def packages_of(sites: Sites, hooked: Sequence[int]) -> dict[str, Path]:
    """By title, a site."""
    plain = {"unmetered": sites.unmetered()}
    for some in hooked:
        for policy in (Policy.ONCE, Policy.EVERY):
            plain[f"{some} of {MODULES} modules hooked, {policy.value}"] = sites.metered(some, policy)
    return plain


def measure(hooked: Sequence[int], rounds: int) -> Report:
    report = Report("imports")
    columns = ["", "import", "added", "ratio", "whole process", "added to it"]
    note = f"CPU time, median of {rounds} rounds, lowest to highest; differences and ratios are medians of those within a round"
    with tempfile.TemporaryDirectory(prefix="meterize-bench-") as name:
        folder = Path(name).resolve()
        sites = packages_of(Sites(folder), hooked)
        say(f"{rounds} rounds of {len(sites)} packages")
        imports = {title: Import(NAME, site, folder / "spool") for title, site in sites.items()}
        report.add(f"To import a package of {MODULES} modules", columns, import_rows(imports, rounds, with_ratio=True), note)
        runtime = next(reversed(sites.values()))
        say("the runtime")
        modules = ("time", "meterize_hooks", "json", "logging")
        others = {f"import {module}": Import(module, runtime, folder / "spool") for module in modules}
        title = "To load the runtime alone, beside two modules of the standard library"
        report.add(title, columns, import_rows(others, rounds, with_ratio=False), note)
    return report


def main() -> None:
    given = options(__doc__ or "").parse_args()
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    report = measure((1,) if given.quick else (1, 10), given.repeats or (1 if given.quick else 25))
    report.show(given)


if __name__ == "__main__":
    main()
