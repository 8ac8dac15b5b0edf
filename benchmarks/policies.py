"""What each policy costs: a use that counts, and a use that does not, once the hook has gone or waits for somebody else.

`every` counts inline and stays. The others call the runtime when they count and then go away; `first=N` does so N times,
`once-per-subject` stays for as long as somebody who is known has not used the feature.
"""

from __future__ import annotations

import builtins
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from callgrind import warm_up
from measure import Report, Shown, added, in_processes, options, say, summarize, take_in_turns, timed
from metered import compile_metered, compile_plain, read_shape, run_module

import meterize_hooks
from meterize.model.feature import Policy

TURNS = 20_000
SINGLE = 400
"""Uses that are timed one by one, where a hook goes away with the use."""
UNHOOKED = "unhooked"
GOES_AWAY = ("once", "once-per-subject", "once-per-window=1d")
STAYS = ("every", "first=999999999")
WAITS = "once-per-subject, somebody else is awaited"

Work = Callable[[int], object]


def plain() -> Work:
    work: Work = run_module(compile_plain(read_shape("use"), "use"), "use")["work"]
    warm_up(work, TURNS)
    return work


def metered(policy: str, name: str) -> Work:
    pyc = compile_metered(read_shape("use"), name, Policy(policy), lambda line: "# use" in line)
    work: Work = run_module(pyc, name)["work"]
    warm_up(work, TURNS)
    if not uses_of(name):
        raise SystemExit(f"{policy} does not count")
    return work


def door() -> Any:
    return builtins.__meterize__  # type: ignore[attr-defined]


def uses_of(name: str) -> int:
    return sum(uses for hook, uses in door().snapshot().items() if hook.split("/")[1] == name)


def one_by_one(work: Work, prepare: Callable[[], None]) -> float:
    """Nanoseconds of a single use, the median of many, each after ``prepare``."""
    clock, found = time.perf_counter_ns, []
    for _ in range(SINGLE):
        prepare()
        begin = clock()
        work(1)
        found.append(clock() - begin)
    return statistics.median(found)


def sample(rounds: int) -> dict[str, dict[str, float]]:
    """Nanoseconds that a use that counts, and one that does not, take more than one without a hook: in this process."""
    works = {UNHOOKED: plain()} | {
        policy: metered(policy, f"policy_{number}") for number, policy in enumerate(STAYS + GOES_AWAY)
    }
    samples = take_in_turns({name: timed(work, TURNS) for name, work in works.items()}, rounds)
    looped = {name: added(samples, name, UNHOOKED) for name in works if name != UNHOOKED}
    bare = one_by_one(works[UNHOOKED], door().rearm)
    counted = {policy: looped[policy] for policy in STAYS}
    for number, policy in enumerate(GOES_AWAY, len(STAYS)):
        before = uses_of(f"policy_{number}")
        counted[policy] = one_by_one(works[policy], door().rearm) - bare
        if uses_of(f"policy_{number}") != before + SINGLE:
            raise SystemExit(f"{policy}: not each of {SINGLE} uses was counted")
    not_counted = {policy: looped[policy] for policy in GOES_AWAY}
    not_counted[WAITS] = awaited(works["once-per-subject"], works[UNHOOKED], rounds)
    return {"counted": counted, "not counted": not_counted}


def awaited(work: Work, bare: Work, rounds: int) -> float:
    """Added to a use of somebody who has been counted, while another is known who has not."""
    with meterize_hooks.subject("known"):
        work(1)
        with meterize_hooks.subject("awaited"):
            pass
        samples = take_in_turns({"hooked": timed(work, TURNS), UNHOOKED: timed(bare, TURNS)}, rounds)
    return added(samples, "hooked", UNHOOKED)


def measure(processes: int, rounds: int) -> Report:
    report = Report("policies")
    say(f"{processes} processes")
    found = in_processes(__file__, ["--worker", str(rounds)], processes)
    rows: list[list[object]] = []
    for policy in (*STAYS, *GOES_AWAY, WAITS):
        cells: list[object] = []
        for kind in ("counted", "not counted"):
            figures = [one[kind][policy] for one in found if policy in one[kind]]
            cells.append(Shown(figure=summarize(figures), pattern="{:,.0f} ns") if figures else "")
        rows.append([policy, *cells])
    columns = ["policy", "a use that counts", "a use that does not"]
    note = f"added to a call; median of {processes} processes, lowest to highest; what goes away includes its going"
    report.add("What a use costs, by policy", columns, rows, note)
    return report


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--worker", metavar="ROUNDS", help="one process's figures, as JSON")
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(sample(int(given.worker))))
        return
    measure(given.repeats or (1 if given.quick else 7), 3 if given.quick else 15).show(given)


if __name__ == "__main__":
    main()
