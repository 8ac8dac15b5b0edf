"""Owns the places that the user names: taken as they are, with what the tests say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meterize.errors import UsageError
from meterize.model.code import CodeId
from meterize.model.coverage import Executed
from meterize.model.feature import Charge
from meterize.model.flow import ControlFlowGraph
from meterize.model.slice import FeatureSlice

from .candidates import Candidate
from .entrances import Entrances
from .guidance import find_named
from .places import Executions, work_at


def name_candidates(
    spots: Sequence[str],
    graphs: Mapping[CodeId, ControlFlowGraph],
    feature_slice: FeatureSlice,
    feature_tests: Mapping[str, Executed],
    rest_tests: Mapping[str, Executed],
    charge: Charge,
) -> list[Candidate]:
    """A candidate for each of ``spots`` (see Guidance.at), by what the tests of either side execute.

    ``graphs`` are those of the modules that the spots name. Raises UsageError.
    """
    executions = Executions(feature_tests, tuple(feature_tests))
    entrances = Entrances(feature_slice, graphs, tuple(feature_tests))
    found: dict[tuple[CodeId, int], Candidate] = {}
    for spot in spots:
        graph, block = find_named(spot, graphs)
        work = work_at(graph, block, executions, charge)
        if work is None:
            raise UsageError(
                f"--at {spot}: no feature test passes there" + (" and succeeds" if charge is Charge.ON_SUCCESS else ""),
                slug="at-not-run",
                hint="Name a place that tests of --with execute; the source in analyze's answer shows them.",
            )
        bit = 1 << (work.head.offset >> 1)
        found[graph.code, block.index] = Candidate(
            graph=graph,
            work=work,
            whole=graph.begins_with(block),
            entrance=entrances.of(graph.code),
            repeated=entrances.is_repeated(graph.code, graphs),
            leads_to=0,
            reaches=0,
            rest_tests=sum(1 for executed in rest_tests.values() if executed.get(graph.code, 0) & bit),
        )
    return list(found.values())
