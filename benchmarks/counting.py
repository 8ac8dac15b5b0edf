"""What counting one use costs: a hook of policy ``every`` and what people would write into their code instead.

Each variant is a module of its own whose function counts once a call; the figure is what a call takes more than without
counting. Counting for subjects runs in processes of its own, since a runtime that knows of subjects stays that way.
"""

from __future__ import annotations

import builtins
import importlib
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import Context, ContextVar
from typing import Any

from callgrind import count_instructions, is_available, warm_up
from measure import Report, Samples, Shown, added, in_processes, options, say, summarize, take_in_turns, timed
from metered import compile_metered, compile_plain, read_shape, run_module

import meterize_hooks
from meterize.model.feature import Policy

TURNS = 20_000
COPIES = 2
UNHOOKED, AGAIN, METERIZE = "unhooked", "unhooked, again", "meterize, policy every"
SUBJECT = "tenant-7"

subject: ContextVar[str] = ContextVar("subject", default=SUBJECT)
"""What an application would keep its tenant in."""


def plain() -> dict[str, Any]:
    return run_module(compile_plain(read_shape("use"), "use"), "use")


def with_statement(statement: str, **names: object) -> dict[str, Any]:
    """The module with a statement at the function's start, as somebody would write it there."""
    source = read_shape("use").replace("    return", f"    {statement}\n    return", 1)
    namespace = run_module(compile_plain(source, "use"), "use")
    namespace.update(names)
    return namespace


def decorated(decorator: Callable[[Any], Any]) -> dict[str, Any]:
    namespace = plain()
    namespace["price"] = decorator(namespace["price"])
    return namespace


def metered() -> dict[str, Any]:
    metered.number += 1  # type: ignore[attr-defined]
    name = f"use_{metered.number}"  # type: ignore[attr-defined]
    namespace = run_module(compile_metered(read_shape("use"), name, Policy.EVERY, lambda line: "# use" in line), name)
    door: Any = builtins.__meterize__  # type: ignore[attr-defined]
    before = door.snapshot()
    namespace["work"](10)
    if sum(door.snapshot().values()) != sum(before.values()) + 10:
        raise SystemExit("the metered function does not count")
    return namespace


metered.number = 0  # type: ignore[attr-defined]


def metered_unnamed() -> dict[str, Any]:
    """Uses of whoever named no subject, in a process where others do."""
    namespace = metered()
    work = namespace["work"]
    return {**namespace, "work": lambda turns: Context().run(work, turns)}


def attribute_decorator() -> dict[str, Any]:
    def count(function: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            wrapper.uses += 1  # type: ignore[attr-defined]
            return function(*args, **kwargs)

        wrapper.uses = 0  # type: ignore[attr-defined]
        return wrapper

    return decorated(count)


def dict_decorator() -> dict[str, Any]:
    uses = {"price": 0}

    def count(function: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            uses["price"] += 1
            return function(*args, **kwargs)

        return wrapper

    return decorated(count)


def subject_decorator() -> dict[str, Any]:
    uses: dict[tuple[str, str], int] = {}

    def count(function: Any) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            key = "price", subject.get()
            uses[key] = uses.get(key, 0) + 1
            return function(*args, **kwargs)

        return wrapper

    return decorated(count)


def wrapt_decorator() -> dict[str, Any]:
    wrapt = importlib.import_module("wrapt")
    uses = {"price": 0}

    @wrapt.decorator  # type: ignore[untyped-decorator]
    def count(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        uses["price"] += 1
        return wrapped(*args, **kwargs)

    return decorated(count)


def wrapt_subject() -> dict[str, Any]:
    wrapt = importlib.import_module("wrapt")
    uses: dict[tuple[str, str], int] = {}

    @wrapt.decorator  # type: ignore[untyped-decorator]
    def count(wrapped: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        key = "price", subject.get()
        uses[key] = uses.get(key, 0) + 1
        return wrapped(*args, **kwargs)

    return decorated(count)


def _prometheus(*labels: str) -> Any:
    client = importlib.import_module("prometheus_client")
    return client.Counter("uses", "Uses of the feature", labels, registry=client.CollectorRegistry())


def prometheus() -> dict[str, Any]:
    return with_statement("uses.inc()", uses=_prometheus())


def prometheus_label() -> dict[str, Any]:
    return with_statement('uses.labels("price").inc()', uses=_prometheus("feature"))


def prometheus_subject() -> dict[str, Any]:
    return with_statement('uses.labels("price", subject.get()).inc()', uses=_prometheus("feature", "tenant"), subject=subject)


def _opentelemetry() -> Any:
    metrics = importlib.import_module("opentelemetry.sdk.metrics")
    export = importlib.import_module("opentelemetry.sdk.metrics.export")
    provider = metrics.MeterProvider(metric_readers=[export.InMemoryMetricReader()])
    return provider.get_meter("benchmark").create_counter("uses")


def opentelemetry() -> dict[str, Any]:
    return with_statement("uses.add(1)", uses=_opentelemetry())


def opentelemetry_attribute() -> dict[str, Any]:
    return with_statement('uses.add(1, {"feature": "price"})', uses=_opentelemetry())


def opentelemetry_subject() -> dict[str, Any]:
    return with_statement('uses.add(1, {"feature": "price", "tenant": subject.get()})', uses=_opentelemetry(), subject=subject)


def _monitoring(on_start: Callable[[object, int], None]) -> dict[str, Any]:
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        raise ModuleNotFoundError("sys.monitoring (3.12+)")
    namespace = plain()
    tool = monitoring.PROFILER_ID
    if monitoring.get_tool(tool) is None:
        monitoring.use_tool_id(tool, "benchmark")
        monitoring.register_callback(tool, monitoring.events.PY_START, on_start)
    monitoring.set_local_events(tool, namespace["price"].__code__, monitoring.events.PY_START)
    return namespace


def monitoring_callback() -> dict[str, Any]:
    uses = {"price": 0}

    def on_start(_code: object, _offset: int) -> None:
        uses["price"] += 1

    return _monitoring(on_start)


def monitoring_subject() -> dict[str, Any]:
    uses: dict[tuple[str, str], int] = {}

    def on_start(_code: object, _offset: int) -> None:
        key = "price", subject.get()
        uses[key] = uses.get(key, 0) + 1

    return _monitoring(on_start)


Table = dict[str, Callable[[], dict[str, Any]]]
ONE: Table = {
    UNHOOKED: plain,
    AGAIN: plain,
    METERIZE: metered,
    "decorator, attribute": attribute_decorator,
    "decorator, dict": dict_decorator,
    "sys.monitoring callback": monitoring_callback,
    "wrapt decorator": wrapt_decorator,
    "prometheus inc": prometheus,
    "prometheus inc, a label": prometheus_label,
    "opentelemetry add": opentelemetry,
    "opentelemetry add, an attribute": opentelemetry_attribute,
}
MANY: Table = {
    UNHOOKED: plain,
    AGAIN: plain,
    METERIZE: metered,
    "meterize, nobody named": metered_unnamed,
    "decorator, dict": subject_decorator,
    "sys.monitoring callback": monitoring_subject,
    "wrapt decorator": wrapt_subject,
    "prometheus inc, labels": prometheus_subject,
    "opentelemetry add, attributes": opentelemetry_subject,
}
TABLES = {
    "one": ("A use counted, one subject in the process", ONE),
    "many": ("A use counted for its subject, many in the process", MANY),
}


def make_works(table: Table) -> dict[str, list[Callable[[int], object]]]:
    """By variant, copies of ``work``; a library that is not there is left out."""
    works: dict[str, list[Callable[[int], object]]] = {name: [] for name in table}
    for _ in range(COPIES):
        for name, make in table.items():
            try:
                namespace = make()
            except ModuleNotFoundError:
                continue
            warm_up(namespace["work"], TURNS)
            works[name].append(namespace["work"])
    return {name: copies for name, copies in works.items() if copies}


def sample_table(key: str, rounds: int) -> dict[str, float]:
    """Nanoseconds that each way of counting adds to a call, in this process."""
    with meterize_hooks.subject(SUBJECT) if key == "many" else nullcontext():
        works = make_works(TABLES[key][1])
        each = take_in_turns({f"{n}/{c}": timed(work, TURNS) for n, ws in works.items() for c, work in enumerate(ws)}, rounds)
    samples: Samples = {
        name: [sum(one) / COPIES for one in zip(*(each[f"{name}/{c}"] for c in range(COPIES)), strict=True)] for name in works
    }
    return {name: added(samples, name, UNHOOKED) for name in works} | {"call": min(samples[UNHOOKED])}


def measure_time(report: Report, processes: int, rounds: int) -> None:
    for key, (title, table) in TABLES.items():
        say(f"{title}: {processes} processes")
        found = in_processes(__file__, ["--worker", key, str(rounds)], processes)
        rows: list[list[object]] = []
        for name in table:
            if name == UNHOOKED:
                continue
            if name not in found[0]:
                rows.append([name, "not here", ""])
                continue
            shown = Shown(figure=summarize([one[name] for one in found]), pattern="{:.0f} ns")
            times = Shown(figure=summarize([one[name] / one[METERIZE] for one in found]), pattern="{:.1f}×")
            rows.append([name, shown, "" if name in {METERIZE, AGAIN} else times])
        call = summarize([one["call"] for one in found]).median
        note = f"added to a call of {call:.0f} ns; median of {processes} processes, lowest to highest; “again” is the noise"
        report.add(title, ["", "added by a use", "times meterize's"], rows, note)


def measure_instructions(report: Report, turns: int) -> None:
    say("under callgrind")
    source = read_shape("use")
    base = count_instructions(compile_plain(source, "use"), turns)
    hooked = count_instructions(compile_metered(source, "use", Policy.EVERY, lambda line: "# use" in line), turns)
    row = [METERIZE, f"{base:.1f}", f"{hooked:.1f}", f"{hooked - base:.1f}"]
    report.add("A use counted, under callgrind", ["", UNHOOKED, "counted", "added"], [row], "machine instructions a call")


def main() -> None:
    parser = options(__doc__ or "")
    parser.add_argument("--callgrind", action="store_true", help="count machine instructions instead (needs valgrind)")
    parser.add_argument("--worker", nargs=2, metavar=("TABLE", "ROUNDS"), help="one process's figures, as JSON")
    given = parser.parse_args()
    if given.worker:
        print(json.dumps(sample_table(given.worker[0], int(given.worker[1]))))
        return
    report = Report("counting")
    if given.callgrind:
        if not is_available():
            raise SystemExit("valgrind is not installed")
        measure_instructions(report, TURNS // 10 if given.quick else TURNS)
    else:
        measure_time(report, given.repeats or (1 if given.quick else 7), 3 if given.quick else 15)
    report.show(given)


if __name__ == "__main__":
    main()
