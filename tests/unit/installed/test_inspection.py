"""What status tells: each way in which a file can cease to be ours, and each thing that keeps hooks from being used."""

from __future__ import annotations

import os
import sys

import pytest

from meterize.cpython.pyc import compile_module, dump_pyc
from meterize.installed import apply, inspect, manifests, notices
from meterize.model.manifest import Condition
from meterize.model.rewritten import RewrittenModule

CART = "shop/cart.py"


@pytest.fixture
def metered(site, shop, rewrite, plan, runtime):
    """Applies, and returns the state of the file at each optimisation."""
    apply(shop, rewrite(shop, CART), [plan()], runtime=runtime())

    def states():
        (manifest,) = manifests(site.folder)
        before = site.tree()
        found = inspect(site.folder, manifest)
        assert site.tree() == before
        for state in found:
            assert state.meaning.endswith(".")
            assert state.advice.endswith(".") or state.condition is Condition.OURS
        return {state.optimization: state for state in found}

    return states


def upgrade(site, version):
    (site.folder / "Shop-1.0.dist-info").rename(site.folder / f"Shop-{version}.dist-info")
    metadata = site.folder / f"Shop-{version}.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", version))


def test_all_well(site, metered):
    assert {state.condition for state in metered().values()} == {Condition.OURS}
    assert all(state.metered and not state.advice for state in metered().values())
    assert notices(site.folder, manifests(site.folder)[0], environ={}) == ()


def test_gone(site, metered):
    (site.folder / metered()[1].pyc).unlink()
    assert metered()[1].condition is Condition.GONE
    assert not metered()[1].metered
    assert metered()[0].metered


def test_recompiled(site, metered):
    site.compile(CART)
    assert metered()[0].condition is Condition.RECOMPILED
    assert not metered()[0].metered


def test_upgraded(site, metered):
    site.compile(CART)
    (site.folder / metered()[1].pyc).unlink()
    upgrade(site, "2.0")
    assert metered()[0].condition is metered()[1].condition is Condition.UPGRADED
    assert "2.0 was installed over 1.0" in metered()[0].meaning


def test_left_behind_by_an_upgrade(site, metered):
    (site.folder / CART).write_text("def total():\n    return 43\n")
    upgrade(site, "2.0")
    assert metered()[2].condition is Condition.OUTDATED
    assert metered()[2].metered
    assert "runs the old code" in metered()[2].meaning


def test_source_touched(site, metered):
    (site.folder / CART).write_text("def total():\n    return 43\n")
    assert metered()[0].condition is Condition.SOURCE_TOUCHED
    assert "does not notice" in metered()[0].meaning


def test_source_touched_where_python_notices(site, shop, plan):
    source = (site.folder / CART).read_bytes()
    pyc = dump_pyc(compile_module(source, CART, 0), source, checked=True)
    apply(shop, [RewrittenModule(file=CART, optimization=0, pyc=pyc, sites=())], [plan()], runtime=None)
    (site.folder / CART).write_text("def total():\n    return 43\n")
    (state,) = inspect(site.folder, manifests(site.folder)[0])
    assert (state.condition, state.metered) == (Condition.SOURCE_TOUCHED, False)
    assert "notices" in state.meaning


def test_a_time_stamp_alone_is_no_edit(site, metered):
    os.utime(site.folder / CART, ns=(1, 1))
    assert metered()[0].condition is Condition.OURS


def test_source_gone(site, metered):
    (site.folder / CART).unlink()
    assert metered()[0].condition is Condition.SOURCE_GONE
    (site.folder / metered()[0].pyc).unlink()
    assert metered()[0].condition is Condition.SOURCE_GONE


def test_other_interpreter(site, metered):
    path = site.folder / ".meterize/shop/manifest.json"
    path.write_text(path.read_text().replace(f'"{sys.implementation.cache_tag}"', '"cpython-39"'))
    assert metered()[0].condition is Condition.OTHER_INTERPRETER
    assert "cpython-39" in metered()[0].meaning


def test_hooks_that_an_optimisation_has_no_place_for(site, shop, rewrite, plan):
    plain, optimized = rewrite(shop, CART, optimizations=(0, 1))
    optimized = RewrittenModule(file=CART, optimization=1, pyc=optimized.pyc, sites=(), missing=("shop/x/1",))
    apply(shop, [plain, optimized], [plan()], runtime=None)
    states = inspect(site.folder, manifests(site.folder)[0])
    assert ["no place" in state.meaning for state in states] == [False, True]
    assert "With -O," in states[1].meaning


def test_compiled_files_elsewhere(site, metered):
    (notice,) = notices(site.folder, None, environ={"PYTHONPYCACHEPREFIX": "/tmp/elsewhere"})
    assert notice.slug == "pycache-prefix"
    assert "/tmp/elsewhere" in notice.meaning


def test_runtime_missing_incomplete_changed(site, metered):
    (manifest,) = manifests(site.folder)
    init = site.folder / "meterize_hooks/__init__.py"
    init.write_text("CHANGED = True\n")
    assert [notice.slug for notice in notices(site.folder, manifest, environ={})] == ["runtime-changed"]
    init.unlink()
    assert [notice.slug for notice in notices(site.folder, manifest, environ={})] == ["runtime-missing"]


def test_runtime_that_somebody_else_brings(site, make_site, shop, rewrite, plan):
    apply(shop, rewrite(shop, CART), [plan()], runtime=None)
    (manifest,) = manifests(site.folder)
    assert [notice.slug for notice in notices(site.folder, manifest, environ={})] == ["runtime-missing"]
    other = make_site("other")
    other.install("meterize", {"meterize_hooks/__init__.py": ""})
    assert notices(site.folder, manifest, search_path=other.path, environ={}) == ()


def test_a_change_that_was_cut_short(site, metered):
    (site.folder / ".meterize/.undo.json").write_text("{}")
    assert [notice.slug for notice in notices(site.folder, None, environ={})] == ["change-pending"]
