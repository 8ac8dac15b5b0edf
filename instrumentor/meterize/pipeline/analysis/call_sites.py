"""The places in Python code that lead to machine code, ranked by who passes them: there a hook can be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from meterize.model.code import CodeId
from meterize.model.coverage import Executed
from meterize.model.flow import Block, ControlFlowGraph
from meterize.pipeline.sources import PackageCode
from meterize.planning import find_named, names_of

from .machine_code import MachineCode, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSite:
    """``spot`` is what to write behind ``--at``; ``name`` the machine code that it leads to; so many tests of either side pass
    it, of so many."""

    code: CodeId
    spot: str
    name: str
    is_called: bool
    feature_tests: int
    rest_tests: int

    def __str__(self) -> str:
        return f"--at {shlex.quote(self.spot)}"


def find_call_sites(
    machine_code: MachineCode,
    code: PackageCode,
    graphs: Mapping[CodeId, ControlFlowGraph],
    feature_tests: Mapping[str, Executed],
    rest_tests: Mapping[str, Executed],
) -> list[CallSite]:
    """The best place of each function, best first: that by which the share of the feature tests that pass it exceeds that of
    the rest, and calls before mere mentions."""
    best: dict[CodeId, tuple[tuple[float, bool], CallSite]] = {}
    for name, graph in graphs.items():
        body = code.codes(name.file).get(name)
        references = machine_code.references(name, body) if graph.is_function and body else ()
        sites = (_site(graph, reference, feature_tests, rest_tests) for reference in references)
        for site in filter(None, sites):
            share = site.feature_tests / max(len(feature_tests), 1) - site.rest_tests / max(len(rest_tests), 1)
            rank = (-share, not site.is_called)
            if name not in best or rank < best[name][0]:
                best[name] = (rank, site)
    return [site for _, site in sorted(best.values(), key=lambda one: (one[0], one[1].code))]


def _site(
    graph: ControlFlowGraph,
    reference: Reference,
    feature_tests: Mapping[str, Executed],
    rest_tests: Mapping[str, Executed],
) -> CallSite | None:
    """None where no hook can stand on the way to it. Tests are counted where ``--at`` will put the hook."""
    block = _hookable(graph, reference.offset)
    if block is None:
        return None
    spot = f"{names_of(graph.code)[1]}:{block.line}"
    _, named = find_named(spot, {graph.code: graph})
    bit = 1 << ((named.hook_offset or 0) >> 1)
    return CallSite(
        code=graph.code,
        spot=spot,
        name=reference.name,
        is_called=reference.is_called,
        feature_tests=sum(1 for executed in feature_tests.values() if executed.get(graph.code, 0) & bit),
        rest_tests=sum(1 for executed in rest_tests.values() if executed.get(graph.code, 0) & bit),
    )


def _hookable(graph: ControlFlowGraph, offset: int) -> Block | None:
    """The block of an instruction, or the nearest that is always passed before it, where a hook can stand."""
    index = next((block.index for block in graph.blocks if block.mask >> (offset >> 1) & 1), None)
    while index is not None:
        block = graph.blocks[index]
        if block.hook_offset is not None and block.line is not None:
            return block
        index = block.dominator
    return None
