"""Programs made at random, untouched and hooked: `python -m tests.fuzz --programs 50000 --seed 7`, or `make fuzz`.

Three of four are written by ``structured.py`` and shrunk when they fail, one by ``wild.py``. The seed decides everything, batch
by batch: a run that was stopped goes on with `--from-batch`. A failing program is stored, with the command that tries it again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.fuzz import wild
from tests.fuzz.structured import programs
from tests.fuzz.trial import Verdict, try_program

NIGHTLY = 50_000
BATCH = 200
SHRINKING_SECONDS = 45.0
STRUCTURED_OF_BATCH = 150
FOLDER = Path(__file__).parents[2] / ".fuzz"
SETTINGS = settings(
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)


@dataclass(slots=True)
class Tally:
    """What a run has come to."""

    programs: int = 0
    hooks: int = 0
    fired: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[Path, str]] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        self.programs += 1
        self.hooks += verdict.hooks
        self.fired += verdict.fired
        if verdict.kind == "skipped":
            self.skipped[verdict.finding.partition(":")[0]] += 1


class _Failed(AssertionError):
    """A program for hypothesis to shrink."""


class _ShrunkLongEnough(KeyboardInterrupt):
    """Hypothesis lets nothing else through that ends its search."""


def run_structured(number: int, count: int, tally: Tally) -> None:
    """One batch of structured programs, each once; of those that fail, the smallest that does is stored."""
    tried: dict[bytes, Verdict] = {}
    failing: list[tuple[str, Verdict]] = []
    until = float("inf")

    # Of what is drawn, up to half has been drawn before.
    @seed(number)
    @settings(SETTINGS, max_examples=3 * count)
    @given(programs())
    def check(source: str) -> None:
        nonlocal until
        key = hashlib.sha256(source.encode()).digest()
        if key not in tried:
            if time.monotonic() > until:
                raise _ShrunkLongEnough
            if len(tried) >= count and not failing:
                return
            tried[key] = try_program(source)
            if not failing:
                tally.add(tried[key])
        if tried[key].is_failure:
            until = min(until, time.monotonic() + SHRINKING_SECONDS)
            failing.append((source, tried[key]))
            raise _Failed

    try:
        check()
    except (_Failed, _ShrunkLongEnough):
        tally.failures.append(store(*min(failing, key=lambda each: len(each[0]))))


def run_wild(number: int, count: int, tally: Tally) -> None:
    """One batch of wild programs."""
    for each in range(count):
        source = wild.write(number * BATCH + each)
        if source is None:
            continue
        verdict = try_program(source)
        tally.add(verdict)
        if verdict.is_failure:
            tally.failures.append(store(source, verdict))


def store(source: str, verdict: Verdict) -> tuple[Path, str]:
    """Keep a failing program, and how to try it again."""
    FOLDER.mkdir(exist_ok=True)
    name = f"{sys.implementation.cache_tag}-{hashlib.sha256(source.encode()).hexdigest()[:12]}.py"
    (FOLDER / name).write_text(source, encoding="utf-8")
    (FOLDER / name).with_suffix(".txt").write_text(
        f"{verdict.kind}\n{verdict.finding}\n\nmake fuzz PYTHON={sys.executable} ARGS='--replay .fuzz/{name}'\n",
        encoding="utf-8",
    )
    return FOLDER / name, f"{verdict.kind}: {verdict.finding}"


def run(count: int, first_seed: int, from_batch: int = 0) -> Iterator[tuple[int, Tally]]:
    """Batches and what the run has come to after each, until so many programs have been tried."""
    tally = Tally()
    batch = from_batch
    while tally.programs < count:
        left = count - tally.programs
        number = first_seed * 1_000_003 + batch
        run_structured(number, min(STRUCTURED_OF_BATCH, -(-left * STRUCTURED_OF_BATCH // BATCH)), tally)
        run_wild(number, min(BATCH - STRUCTURED_OF_BATCH, count - tally.programs), tally)
        batch += 1
        yield batch, tally


def replay(files: list[Path]) -> int:
    """Try stored programs again; how many failed."""
    failed = 0
    for file in files:
        verdict = try_program(file.read_text(encoding="utf-8"))
        failed += verdict.is_failure
        print(f"{file}: {verdict.kind}\n{verdict.finding}")
    return failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--programs", type=int, default=NIGHTLY, help=f"how many (default: {NIGHTLY})")
    parser.add_argument("--seed", type=int, default=None, help="decides everything (default: today's date)")
    parser.add_argument("--from-batch", type=int, default=0, help="go on with a run that was stopped there")
    parser.add_argument("--seconds", type=float, default=None, help="stop after the batch in which this time is over")
    parser.add_argument("--replay", type=Path, nargs="+", help="try stored programs again instead")
    return parser.parse_args()


def _prepare() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="meterize-fuzz-")
    os.environ["METERIZE_SPOOL"] = folder.name
    warnings.simplefilter("ignore")  # generated programs deserve many
    sys.setswitchinterval(0.05)
    return folder


def main() -> int:
    given_options = _options()
    with _prepare():
        if given_options.replay:
            return int(bool(replay(given_options.replay)))
        first_seed = given_options.seed if given_options.seed is not None else int(time.strftime("%Y%m%d"))
        print(f"seed {first_seed}, CPython {sys.version.split()[0]}", flush=True)
        begin, shown, tally = time.monotonic(), 0, Tally()
        for batch, tally in run(given_options.programs, first_seed, given_options.from_batch):
            spent = time.monotonic() - begin
            print(_progress(batch, tally, spent), flush=True)
            for path, finding in tally.failures[shown:]:
                print(f"\n{path}\n{finding}\n", flush=True)
            shown = len(tally.failures)
            if given_options.seconds is not None and spent > given_options.seconds:
                break
    return int(bool(tally.failures))


def _progress(batch: int, tally: Tally, seconds: float) -> str:
    skipped = ", ".join(f"{count} {why}" for why, count in tally.skipped.most_common())
    return (
        f"batch {batch}: {tally.programs} programs, {tally.hooks} hooks, {tally.fired} fired, {len(tally.failures)} failed"
        f"{f' ({skipped}: not compared)' if skipped else ''}, {seconds:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
