"""What a hook of policy ``once`` costs: untouched, armed and never reached, fired and gone.

python benchmarks/hooks.py                 ratios of CPU time
python benchmarks/hooks.py --callgrind     machine instructions a turn (needs valgrind)
"""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable
from typing import Any

from callgrind import count_instructions, is_available, warm_up
from measure import Report, Samples, Shown, in_processes, options, ratio, say, summarize, take_in_turns, timed
from metered import compile_metered, compile_plain, read_shape, run_module

from meterize.cpython.versions import HAS_MONITORING
from meterize.model.feature import Policy

SHAPES = {
    "tight loop": ("tight_loop", 40_000),
    "tightest loop": ("tightest_loop", 40_000),
    "small function's entry": ("small_function", 15_000),
    "every block": ("every_block", 150),
}
"""Title: module, and the turns that take a millisecond."""
UNTOUCHED, AGAIN, UNREACHED, FIRED = "untouched", "untouched, again", "armed, never reached", "fired and gone"
VARIANTS = (UNTOUCHED, AGAIN, UNREACHED, FIRED)
COPIES = 4
"""Modules per variant and process: where a code object happens to lie in memory is worth some per cent."""
MECHANISM = "sys.monitoring" if HAS_MONITORING else "in place"


def compile_variant(shape: str, variant: str, name: str) -> bytes:
    source = read_shape(shape)
    if variant == UNREACHED:
        return compile_metered(source, name, Policy.ONCE, lambda line: "# unreached" in line)
    if variant == FIRED:
        everywhere = shape == "every_block"
        return compile_metered(source, name, Policy.ONCE, lambda line: everywhere or "# fires" in line)
    return compile_plain(source, name)


def make_work(shape: str, variant: str, copy: int, turns: int) -> Callable[[int], object]:
    """The ``work`` of a module of its own, warm, its hooks fired if it has any that can."""
    name = f"{shape}_{VARIANTS.index(variant)}_{copy}"
    work: Callable[[int], object] = run_module(compile_variant(shape, variant, name), name)["work"]
    warm_up(work, turns)
    if variant in {UNREACHED, FIRED}:
        expect_fires(name, fired=variant == FIRED)
    return work


def expect_fires(name: str, *, fired: bool) -> None:
    """A benchmark of hooks that are not there would look well."""
    door: Any = builtins.__meterize__  # type: ignore[attr-defined]
    uses = [count for hook, count in door.snapshot().items() if hook.split("/")[1] == name]
    if not uses or any(uses) is not fired:
        raise SystemExit(f"{name}: hooks fired {uses}")


def sample_shape(shape: str, turns: int, rounds: int) -> dict[str, float]:
    """Ratios to ``untouched`` in this process."""
    copies = [(variant, copy) for copy in range(COPIES) for variant in VARIANTS]
    each = take_in_turns({f"{v}/{c}": timed(make_work(shape, v, c, turns), turns) for v, c in copies}, rounds)
    samples: Samples = {
        variant: [sum(copies) / COPIES for copies in zip(*(each[f"{variant}/{c}"] for c in range(COPIES)), strict=True)]
        for variant in VARIANTS
    }
    return {variant: ratio(samples, variant, UNTOUCHED) for variant in VARIANTS} | {"ns": min(samples[UNTOUCHED])}


def measure_time(report: Report, processes: int, rounds: int) -> None:
    rows: list[list[object]] = []
    for title, (shape, turns) in SHAPES.items():
        say(f"{title}: {processes} processes")
        found = in_processes(__file__, ["--worker", shape, str(turns), str(rounds)], processes)
        shown = [Shown(figure=summarize([one[variant] for one in found]), pattern="{:.3f}×") for variant in VARIANTS[1:]]
        rows.append([title, f"{summarize([one['ns'] for one in found]).median:.0f} ns", *shown])
    note = f"hooks that go away: {MECHANISM}; median of {processes} processes, lowest to highest; “again” is the noise"
    report.add("A hook of policy once", ["", "untouched, a turn", *VARIANTS[1:]], rows, note)


def measure_instructions(report: Report, scale: float) -> None:
    rows: list[list[object]] = []
    for title, (shape, turns) in SHAPES.items():
        say(f"{title}: under callgrind")
        pycs = [compile_variant(shape, variant, shape) for variant in (UNTOUCHED, UNREACHED, FIRED)]
        base, *others = (count_instructions(pyc, int(turns * scale)) for pyc in pycs)
        rows.append([title, f"{base:.1f}", *(f"{count:.1f}  {count / base:.3f}×" for count in others)])
    note = f"hooks that go away: {MECHANISM}; machine instructions a turn, exact, without what starting takes"
    report.add("A hook of policy once, under callgrind", ["", UNTOUCHED, UNREACHED, FIRED], rows, note)


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--callgrind", action="store_true", help="count machine instructions instead (needs valgrind; slow)")
    parser.add_argument("--worker", nargs=3, metavar=("SHAPE", "TURNS", "ROUNDS"), help="one process's ratios, as JSON")
    given = parser.parse_args()
    if given.worker:
        shape, turns, rounds = given.worker
        print(json.dumps(sample_shape(shape, int(turns), int(rounds))))
        return
    report = Report("hooks")
    if given.callgrind:
        if not is_available():
            raise SystemExit("valgrind is not installed")
        measure_instructions(report, 0.1 if given.quick else 1)
    else:
        measure_time(report, given.repeats or (1 if given.quick else 9), 5 if given.quick else 25)
    report.show(given)


if __name__ == "__main__":
    main()
