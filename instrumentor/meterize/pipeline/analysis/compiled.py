"""What is said of machine code, where no hook can be: which there is, and which places in Python code lead to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from meterize.model.code import CodeId
from meterize.model.coverage import Executed
from meterize.model.enumeration import first_few
from meterize.model.feature import Feature
from meterize.model.flow import ControlFlowGraph
from meterize.pipeline.graphs import Graphs

from .call_sites import CallSite, find_call_sites
from .data_words import words_of
from .machine_code import MachineCode

_SHOWN: Final = 3


def explain_compiled(
    feature: Feature,
    graphs: Graphs,
    known: Mapping[CodeId, ControlFlowGraph],
    feature_tests: Mapping[str, Executed],
    rest_tests: Mapping[str, Executed],
) -> tuple[str, ...]:
    """Sentences, if the package has extension modules, or its functions that feature tests execute (those ``known``) lead to
    some of other packages."""
    machine_code = MachineCode(graphs.code)
    sites = find_call_sites(machine_code, graphs.code, known, feature_tests, rest_tests)
    passed = [site for site in sites if site.feature_tests][:_SHOWN]
    own = graphs.code.package.compiled
    return (
        *([f"compiled modules can carry no hook: {first_few(own, _SHOWN)}"] if own else []),
        *(_handed_on(machine_code.handed_on(), words_of(feature)) if own else []),
        *([_describe(site, len(feature_tests), len(rest_tests)) for site in passed]),
        *(_nothing_passed(graphs, machine_code) if own and not passed else []),
    )


def _handed_on(names: Sequence[str], words: Collection[str]) -> Iterator[str]:
    """Those first that hold a word of the feature."""
    if names:
        ranked = sorted(names, key=lambda name: not any(word.lower() in name.lower() for word in words))
        yield f"called without any Python code of the package, since they are machine code: {first_few(ranked, _SHOWN)}"


def _describe(site: CallSite, feature: int, rest: int) -> str:
    return (
        f"leads to {site.name}: {site} (passed by {site.feature_tests} of {feature} feature tests, and by {site.rest_tests} of"
        f" {rest} rest tests)"
    )


def _nothing_passed(graphs: Graphs, machine_code: MachineCode) -> Iterator[str]:
    """Where the feature tests come to no machine code by Python code of the package: from where they could, or that it is
    nowhere in Python."""
    code = graphs.code
    everything = [name for file, _ in code.modules() for name in code.codes(file)]
    sites = find_call_sites(machine_code, code, graphs.all(everything), {}, {})
    if sites:
        named = first_few([site.spot for site in sites], _SHOWN)
        yield f"feature tests pass no function that leads to them ({named}): hook the Python code that calls the package"
    else:
        yield "no Python function of the package leads to them: hook the Python code that calls the package"
