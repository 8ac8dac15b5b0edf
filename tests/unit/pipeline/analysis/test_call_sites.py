"""The places that lead to machine code: who passes them, which come first, and that --at finds them."""

from __future__ import annotations

import dataclasses
import shlex
import sysconfig

import pytest

from meterize.model.code import CodeId
from meterize.model.feature import Feature
from meterize.model.package import Package
from meterize.pipeline.analysis.call_sites import find_call_sites
from meterize.pipeline.analysis.compiled import explain_compiled
from meterize.pipeline.analysis.machine_code import MachineCode
from meterize.pipeline.graphs import Graphs
from meterize.pipeline.sources import PackageCode
from meterize.planning import find_named

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
FEATURE = Feature(name="adding", with_command="", without_command="", cwd=__file__)
TEXT = """from ._fast import add, run
def common(a):
    return add(a)
def arms(a):
    if a:
        return add(a)
    return run
def in_handler(a):
    try:
        return a[0]
    except LookupError:
        return add(1)
def waits(a):
    return (yield from add(a))
def nameless(a):
    return lambda: add(a)
def python(a):
    return a
"""


@pytest.fixture
def graphs(tmp_path) -> Graphs:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(TEXT)
    compiled = (f"shop/_fast{SUFFIX}",)
    (tmp_path / compiled[0]).touch()
    package = Package(
        import_name="shop", distribution="shop", version="1", site=tmp_path, modules=("shop/__init__.py",), compiled=compiled
    )
    return Graphs(PackageCode(package))


def ids(graphs: Graphs) -> dict[str, CodeId]:
    return {name.qualname: name for name in graphs.code.codes("shop/__init__.py")}


def everything(graphs: Graphs, *qualnames: str):
    """What a test executed that ran all of these functions, every instruction."""
    return {ids(graphs)[name]: -1 for name in qualnames}


def sites_of(graphs: Graphs, feature, rest):
    known = graphs.all(ids(graphs).values())
    return find_call_sites(MachineCode(graphs.code), graphs.code, known, feature, rest)


def test_what_feature_tests_pass_and_the_rest_does_least(graphs):
    feature = {"f1": everything(graphs, "common", "arms"), "f2": everything(graphs, "common", "waits")}
    rest = {"r1": everything(graphs, "common"), "r2": everything(graphs, "common")}
    found = [(one.spot, one.feature_tests, one.rest_tests) for one in sites_of(graphs, feature, rest)]
    assert found[:3] == [("shop:arms:6", 1, 0), ("shop:waits:14", 1, 0), ("shop:common:3", 2, 2)]
    assert {spot.rpartition(":")[0] for spot, *_ in found[3:]} == {"shop:in_handler", "shop:nameless.<locals>.<lambda>"}


def test_the_arm_that_calls_and_not_the_one_that_hands_on(graphs):
    code = ids(graphs)["arms"]
    graph = graphs.all([code])[code]
    [place] = [block for block in graph.blocks if block.line == 7]
    rest = {"r": {code: place.mask}}
    [site] = find_call_sites(MachineCode(graphs.code), graphs.code, {code: graph}, {"f": {code: -1}}, rest)
    assert (site.spot, site.rest_tests, site.is_called) == ("shop:arms:6", 0, True)


def test_each_can_be_written_behind_at(graphs):
    """Also where the name needs quotes, and the place of a call that no hook can stand at: the nearest before it."""
    known = graphs.all(ids(graphs).values())
    found = sites_of(graphs, {"f": everything(graphs, *ids(graphs))}, {})
    assert len(found) == 5
    for site in found:
        option, spot = shlex.split(str(site))
        graph, block = find_named(spot, known)
        assert (option, graph.code) == ("--at", site.code)
        assert block.hook_offset is not None


def explained(graphs: Graphs, feature, rest) -> tuple[str, ...]:
    return explain_compiled(FEATURE, graphs, graphs.all(code for each in feature.values() for code in each), feature, rest)


def test_sentences(graphs):
    feature = {"f1": everything(graphs, "arms"), "f2": everything(graphs, "python")}
    assert explained(graphs, feature, {"r": everything(graphs, "arms")}) == (
        f"compiled modules can carry no hook: shop/_fast{SUFFIX}",
        "called without any Python code of the package, since they are machine code: shop.add, shop.run",
        "leads to shop._fast.add: --at shop:arms:6 (passed by 1 of 2 feature tests, and by 1 of 1 rest tests)",
    )


def test_feature_tests_do_not_come_there(graphs):
    *_, last = explained(graphs, {"f1": everything(graphs, "python")}, {})
    assert last == (
        "feature tests pass no function that leads to them (shop:arms:6, shop:common:3, shop:in_handler:11 and 2 more): hook"
        " the Python code that calls the package"
    )


def test_never_in_python_at_all(graphs):
    (graphs.code.package.site / "shop" / "__init__.py").write_text("from ._fast import *\n__all__ = ['go', 'adding', 'stop']\n")
    assert explained(graphs, {"f1": {}}, {})[1:] == (
        "called without any Python code of the package, since they are machine code: shop.adding, shop.go, shop.stop",
        "no Python function of the package leads to them: hook the Python code that calls the package",
    )


def test_a_package_without_machine_code(graphs):
    (graphs.code.package.site / "shop" / "__init__.py").write_text(TEXT.replace("._fast", ".slow"))
    package = dataclasses.replace(graphs.code.package, compiled=())
    assert explained(Graphs(PackageCode(package)), {"f1": everything(graphs, "common")}, {}) == ()


def test_machine_code_of_another_package(graphs):
    site = graphs.code.package.site
    (site / "shop" / "__init__.py").write_text(TEXT.replace("._fast", "fast"))
    (site / f"fast{SUFFIX}").touch()
    package = dataclasses.replace(graphs.code.package, compiled=())
    assert explained(Graphs(PackageCode(package)), {"f1": everything(graphs, "common", "python")}, {}) == (
        "leads to fast.add: --at shop:common:3 (passed by 1 of 1 feature tests, and by 0 of 0 rest tests)",
    )
