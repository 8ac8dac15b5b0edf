"""From two recorded suites to a plan: mend the selection, take the difference, choose the places."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from meterize.cpython.versions import CACHE_TAG
from meterize.errors import MeterizeError, NothingFound
from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord, Executed
from meterize.model.enumeration import first_few
from meterize.model.feature import Feature, Policy
from meterize.model.flow import ControlFlowGraph
from meterize.model.package import Package
from meterize.model.plan import HookPlan, HookPoint, Selection, Side
from meterize.model.slice import FeatureSlice, size
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.readers import Readers
from meterize.planning import (
    Choice,
    choose_hook_points,
    describe_nearest,
    files_of,
    find_named,
    is_excluded,
    name_candidates,
    require_known,
)
from meterize.refining import Refinement, doubt, explain
from meterize.slicing import select_tests, slice_feature

from .compiled import explain_compiled
from .data_words import find_data_words
from .generated import name_generators
from .imports import ImportAlone, import_nothing
from .mending import doubt_rest, mend, name_outside
from .risk import find_unproven
from .twins import tell_apart

_ADVICE: Final = "Tests sit on the wrong side. Run analyze again with --refine to sort them by what they execute"
_SHOWN: Final = 3


_Chosen: TypeAlias = tuple[Selection, Choice]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A plan and what it was made from; ``refinement`` is None where no test was moved; ``advice`` is what to do first, where
    tests that sit on the wrong side were left there."""

    plan: HookPlan
    runs: Mapping[str, CoverageRecord]
    feature_slice: FeatureSlice
    refinement: Refinement | None
    advice: str = ""


def check_guidance(package: Package, feature: Feature, graphs: Graphs) -> None:
    """Raise UsageError for what the user says of places that the package does not have: before its tests are run."""
    guidance = feature.guidance
    if guidance.exclude:
        require_known(guidance.exclude, (code for file in package.modules for code in graphs.code.codes(file)))
    named = _named_graphs(feature, package, graphs)
    for spot in guidance.at:
        find_named(spot, named)


def find_feature(
    package: Package,
    feature: Feature,
    runs: Mapping[str, CoverageRecord],
    graphs: Graphs,
    accept: Callable[[Refinement], bool] = lambda _: False,
    import_alone: ImportAlone = import_nothing,
) -> Finding:
    """The plan for one feature from the records of its suites, ``with`` and ``without``.

    ``accept`` is asked whether tests that sit on the wrong side, judged by what they execute, may be moved; where it declines,
    the plan's warnings say which. ``import_alone`` is asked where what ran outside the tests matters. Raises NothingFound,
    TestsError, UsageError.
    """
    feature_slice = slice_feature(runs["with"], runs["without"])  # refuses swapped or equal runs: no sorting can mend those
    named = _named_graphs(feature, package, graphs)
    spots = [find_named(spot, named) for spot in feature.guidance.at]
    readers = Readers(graphs.code)
    eligible = _eligible(graphs.of(runs["with"]), feature, readers)
    refinement, told = mend(runs, eligible, [(graph.code, block) for graph, block in spots], import_alone)
    is_moved = refinement is not None and accept(refinement)
    recorded = runs
    if refinement is not None and is_moved:
        runs = {"with": refinement.with_run, "without": refinement.without_run}
    choose = partial(_choose, package, feature, graphs, readers, named)
    advice = _foretell(refinement, choose) if refinement is not None and not is_moved else ""
    if refinement is not None:
        told = (*told, *doubt(refinement)) if is_moved else (advice, *told, *explain(refinement))
    try:
        if is_moved:
            feature_slice = slice_feature(runs["with"], runs["without"])
        selection, choice = choose(runs, feature_slice)
    except MeterizeError as error:
        error.details = (*error.details, *told)
        raise
    if refinement is not None and is_moved:
        selection = dataclasses.replace(
            selection,
            moved_to_feature=refinement.moved_to_feature,
            moved_to_rest=refinement.moved_to_rest,
            outside=Side.FEATURE if refinement.moved_outside else Side.REST,
        )
    told = (*told, *name_outside(choice.hook_points, recorded, refinement if is_moved else None), *doubt_rest(selection))
    plan = _plan(package, feature, runs, feature_slice, selection, choice, told)
    points = tuple(_with_risk(point, runs, feature_slice, graphs) for point in tell_apart(plan.hook_points, graphs))
    unhooked = (*name_generators(feature_slice.union, graphs.code), *readers.explain(feature_slice.union))
    return Finding(
        plan=dataclasses.replace(plan, hook_points=points, warnings=(*plan.warnings, *unhooked)),
        runs=runs,
        feature_slice=feature_slice,
        refinement=refinement if is_moved else None,
        advice=advice,
    )


def _named_graphs(feature: Feature, package: Package, graphs: Graphs) -> dict[CodeId, ControlFlowGraph]:
    """Those of the modules that ``--at`` names."""
    files = files_of(feature.guidance.at, package.modules)
    return graphs.all([code for file in files for code in graphs.code.codes(file)])


def _eligible(graphs: Mapping[CodeId, ControlFlowGraph], feature: Feature, readers: Readers) -> dict[CodeId, ControlFlowGraph]:
    """Without what the user excludes, what the package ships for tests (no use is noticed there in production), and what others
    compile from its bytecode.
    """
    return {
        code: graph
        for code, graph in graphs.items()
        if not code.supports_tests and not is_excluded(code, feature.guidance.exclude) and readers.of(code) is None
    }


def _foretell(refinement: Refinement, choose: Callable[[Mapping[str, CoverageRecord], FeatureSlice], _Chosen]) -> str:
    """What the user would get for sorting the tests."""
    try:
        feature_slice = slice_feature(refinement.with_run, refinement.without_run)
        selection, choice = choose({"with": refinement.with_run, "without": refinement.without_run}, feature_slice)
    except MeterizeError:
        return f"{_ADVICE}."
    places = [f"{point.code.qualname} ({point.code.file}:{point.line})" for point in choice.hook_points]
    total = len(selection.feature_tests)
    noticed = total - len(choice.uncovered)
    who = f"all {total}" if noticed == total else f"{noticed} of {total}"
    return f"{_ADVICE}: it would hook {first_few(places, _SHOWN)}, which {who} feature tests would pass, and no other."


def _choose(
    package: Package,
    feature: Feature,
    graphs: Graphs,
    readers: Readers,
    named: Mapping[CodeId, ControlFlowGraph],
    runs: Mapping[str, CoverageRecord],
    feature_slice: FeatureSlice,
) -> _Chosen:
    selection = select_tests(runs["with"], runs["without"])
    unique = graphs.all(feature_slice.union)
    eligible = _eligible(unique, feature, readers)
    users, others = _executed(runs["with"], selection.feature_tests), _executed(runs["without"], selection.rest_tests)
    try:
        choice = choose_hook_points(
            feature_slice,
            eligible,
            feature=feature.name,
            distribution=package.distribution,
            charge=feature.charge,
            executed_tests=selection.feature_tests,
            named=name_candidates(feature.guidance.at, named, feature_slice, users, others, feature.charge),
            max_hooks=feature.guidance.max_hooks,
        )
    except NothingFound as error:
        known = graphs.of(runs["with"])
        said = (*find_data_words(graphs.code, feature), *name_generators(known, graphs.code), *readers.explain(known))
        compiled = explain_compiled(feature, graphs, _eligible(known, feature, readers), users, others)
        error.details = (*error.details, *said, *describe_nearest(users, others, known), *compiled)
        raise
    return selection, choice


def _executed(run: CoverageRecord, tests: tuple[str, ...]) -> dict[str, Executed]:
    found = {test.id: test.executed for test in run.tests}
    return {test: found[test] for test in tests}


def _plan(
    package: Package,
    feature: Feature,
    runs: Mapping[str, CoverageRecord],
    feature_slice: FeatureSlice,
    selection: Selection,
    choice: Choice,
    told: tuple[str, ...],
) -> HookPlan:
    by_size = sorted(feature_slice.union.items(), key=lambda item: (-item[1].bit_count(), item[0]))
    collection_warnings = (message for run in runs.values() for message in run.warnings)
    return HookPlan(
        package=package.import_name,
        distribution=package.distribution,
        version=package.version,
        interpreter=CACHE_TAG,
        feature=feature.name,
        charge=feature.charge,
        policy=Policy.ONCE,
        with_command=feature.with_command,
        without_command=feature.without_command,
        cwd=str(feature.cwd),
        selection=selection,
        intersection=size(feature_slice.intersection),
        union=size(feature_slice.union),
        slice_functions=tuple(dict.fromkeys(f"{name.file}:{name.qualname}" for name, _ in by_size)),
        hook_points=choice.hook_points,
        alternatives=choice.alternatives,
        guidance=feature.guidance,
        warnings=tuple(dict.fromkeys((*told, *collection_warnings, *choice.warnings))),
    )


def _with_risk(point: HookPoint, runs: Mapping[str, CoverageRecord], feature_slice: FeatureSlice, graphs: Graphs) -> HookPoint:
    """The hook point with what else may lead to it: a place inside a function is reached by whatever enters that."""
    callers = {
        caller
        for test in runs["with"].tests
        for call in test.calls
        if call.code == point.code
        for caller in call.callers
        if caller is not None
    }
    return dataclasses.replace(point, unproven=find_unproven(graphs.code, point.code, callers | feature_slice.union.keys()))
