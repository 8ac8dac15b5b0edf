"""The page that explains what is charged for: its evidence gathered, rendered, and written whole or not at all."""

from __future__ import annotations

import contextlib
import datetime
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from meterize.errors import TargetError
from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord, TestRecord
from meterize.model.page import Flow, Page, PageHook, PageSource, PageTest, Score
from meterize.model.plan import Fires, HookPlan, HookPoint
from meterize.model.slice import FeatureSlice
from meterize.page import render_page
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.sources import PackageCode
from meterize.plan_file import digest_plan

from .coloured_source import colour, roots, source_lines
from .drawn_flow import draw, line_at, of_code
from .proofs import count_entering, count_proofs, executed_by_any, executes, ochiai, records_of

_MOST_SCORES: Final = 150
_MOST_SOURCES: Final = 30
_MOST_FLOWS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What ``analyze`` has in hand when the plan is made. ``moved_why`` are sentences."""

    plan: HookPlan
    runs: Mapping[str, CoverageRecord]
    feature_slice: FeatureSlice
    graphs: Graphs
    code: PackageCode
    moved_why: tuple[str, ...] = ()
    feature: dict[str, list[TestRecord]] = field(init=False)
    rest: dict[str, list[TestRecord]] = field(init=False)

    def __post_init__(self) -> None:
        selection = self.plan.selection
        object.__setattr__(self, "feature", records_of(self.runs["with"], selection.feature_tests))
        object.__setattr__(self, "rest", records_of(self.runs["without"], selection.rest_tests))


def write_page(found: Found, path: Path) -> None:
    """Render the page and write it, whole or not at all; an earlier one there is replaced. Raises TargetError."""
    text = render_page(build_page(found, datetime.datetime.now(datetime.UTC)))
    draft = path.with_name(f".{secrets.token_hex(8)}.html")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise TargetError(
            f"cannot write {path}: {error.strerror or error}",
            slug="page-unwritable",
            hint="Name another place with --html FILE; the plan was written.",
        ) from error


def build_page(found: Found, now: datetime.datetime) -> Page:
    """The evidence for a plan, for people."""
    hooks = tuple(_hook(found, number, point) for number, point in enumerate(found.plan.hook_points, 1))
    scores = _scores(found)
    sources, sliced = _sources(found, hooks)
    moved = frozenset((*found.plan.selection.moved_to_feature, *found.plan.selection.moved_to_rest))
    return Page(
        plan=found.plan,
        plan_digest=digest_plan(found.plan),
        made=f"{now:%Y-%m-%d %H:%M} UTC",
        tool=f"meterize {version('meterize')}",
        interpreter=found.plan.interpreter,
        hooks=hooks,
        scores=scores[:_MOST_SCORES],
        scored=len(scores),
        sources=sources,
        sliced=sliced,
        flows=_flows(found, hooks),
        feature_tests=_tests(found.feature, hooks, moved),
        rest_tests=_tests(found.rest, hooks, moved),
        moved_why=found.moved_why,
    )


def _hook(found: Found, number: int, point: HookPoint) -> PageHook:
    graph = found.graphs.all([point.code])[point.code]
    block = next(block for block in graph.blocks if point.offset in block.offsets)
    source = source_lines(found.code, point.code.file)
    code = found.code.codes(point.code.file)[point.code]
    text, part = line_at(graph, code, source, point.offset, point.line)
    begins = point.offset == block.hook_offset and graph.begins_with(block)
    return PageHook(
        number=number,
        point=point,
        kind=graph.kind,
        is_entry=begins,
        text=text,
        part=part,
        fires=point.fires if point.fires != Fires() else _fires(found, point, is_entry=begins, is_looped=block.loop_depth > 0),
        rest_tests=sum(executes(same, point.code, point.offset) for same in found.rest.values()),
    )


def _fires(found: Found, point: HookPoint, *, is_entry: bool, is_looped: bool) -> Fires:
    """From calls, where the plan says nothing: a hook at the entry fires once a call, one behind it at most, but for loops."""
    calls = [_calls(found.feature.get(test, ()), point.code) for test in point.covers]
    once = sum(count == 1 for count in calls) if is_entry or not is_looped else 0
    more = sum(count > 1 for count in calls) if is_entry else 0
    return Fires(once=once, more=more, unknown=len(calls) - once - more)


def _calls(records: Iterable[TestRecord], code: CodeId) -> int:
    return max((call.count for record in records for call in record.calls if call.code == code), default=0)


def _uses(records: Sequence[TestRecord], hooks: tuple[PageHook, ...]) -> int:
    uses = 0
    for hook in hooks:
        if executes(records, hook.point.code, hook.point.offset):
            calls = _calls(records, hook.point.code)
            if calls != 1 and not (hook.is_entry and calls):
                return 0
            uses += calls
    return uses


def _scores(found: Found) -> tuple[Score, ...]:
    """Every function that feature tests enter, best first."""
    feature, rest = count_entering(found.feature), count_entering(found.rest)
    hooked = {point.code for point in found.plan.hook_points}
    graphs = found.graphs.all(feature)
    scores = [
        Score(
            code=code,
            feature_tests=count,
            rest_tests=rest[code],
            ochiai=ochiai(count, rest[code], len(found.feature)),
            unique=found.feature_slice.union.get(code, 0).bit_count(),
            total=sum(len(block.offsets) for block in graphs[code].blocks),
            hooked=code in hooked,
        )
        for code, count in feature.items()
        if code in graphs and graphs[code].is_function
    ]
    return tuple(sorted(scores, key=lambda score: (not score.hooked, -score.ochiai, -score.unique, score.code)))


def _sources(found: Found, hooks: tuple[PageHook, ...]) -> tuple[tuple[PageSource, ...], int]:
    """The functions that are hooked, then those that own most, each with what is nested in it; and how many there are."""
    union = found.feature_slice.union
    top: dict[CodeId, CodeId] = {}
    named = {*union, *(hook.point.code for hook in hooks)}
    for file in {name.file for name in named}:
        top |= roots(file, found.code.module(file))
    sizes: dict[CodeId, int] = defaultdict(int)
    for name, mask in union.items():
        sizes[top.get(name, name)] += mask.bit_count()
    hooked = {top[hook.point.code] for hook in hooks}
    functions = {name for name in {*sizes, *hooked} if name in top and found.graphs.all([name])[name].is_function}
    chosen = sorted(functions, key=lambda name: (name not in hooked, -sizes[name], name))
    shown = chosen[:_MOST_SOURCES]
    members = [name for name in top if top[name] in shown]
    ran = executed_by_any(found.runs.values(), members)
    hook_lines = [(hook.point.code, hook.point.line) for hook in hooks]
    other_lines = [(each.code, each.line) for each in found.plan.alternatives]
    sources = tuple(
        PageSource(
            code=name,
            lines=colour(
                found.code, name, found.feature_slice, ran, _by_line(top, name, hook_lines), _by_line(top, name, other_lines)
            ),
            hooked=name in hooked,
        )
        for name in shown
    )
    return sources, len(chosen)


def _by_line(top: Mapping[CodeId, CodeId], name: CodeId, places: Iterable[tuple[CodeId, int]]) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = defaultdict(list)
    for number, (code, line) in enumerate(places, 1):
        if top.get(code) == name:
            found[line].append(number)
    return {line: tuple(numbers) for line, numbers in found.items()}


def _flows(found: Found, hooks: tuple[PageHook, ...]) -> tuple[Flow, ...]:
    by_code = of_code(hooks)
    proofs = count_proofs(found.feature_slice, by_code)
    graphs = found.graphs.all(by_code)
    return tuple(
        draw(
            graphs[name],
            found.code.codes(name.file)[name],
            source_lines(found.code, name.file),
            proofs.get(name, {}),
            inside,
        )
        for name, inside in list(by_code.items())[:_MOST_FLOWS]
    )


def _tests(tests: Mapping[str, list[TestRecord]], hooks: tuple[PageHook, ...], moved: frozenset[str]) -> tuple[PageTest, ...]:
    return tuple(
        PageTest(
            id=test,
            hooks=tuple(hook.number for hook in hooks if executes(records, hook.point.code, hook.point.offset)),
            fires=_uses(records, hooks),
            moved=test in moved,
        )
        for test, records in tests.items()
    )
