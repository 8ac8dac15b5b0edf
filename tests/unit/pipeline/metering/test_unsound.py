"""A defect of ours reaches nobody's files: what the rewriting hands out is checked as the bytes that would be written."""

from __future__ import annotations

from pathlib import Path
from types import CodeType

import pytest

from meterize import rewriting
from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.legality import hook_offsets
from meterize.cpython.versions import HAS_MONITORING
from meterize.errors import UnsoundRewrite
from meterize.model.feature import Policy
from meterize.model.manifest import MeteredPlan
from meterize.model.package import Package
from meterize.model.plan import HookPoint
from meterize.pipeline.analysis import probes
from meterize.pipeline.metering import rewrite
from meterize.pipeline.sources import PackageCode


@pytest.fixture
def code(tmp_path: Path) -> PackageCode:
    file = tmp_path / "shop" / "cart.py"
    file.parent.mkdir()
    file.write_text("def sell(price):\n    return price * 2\n")
    package = Package(import_name="shop", distribution="Shop", version="1", site=tmp_path, modules=("shop/cart.py",))
    return PackageCode(package)


@pytest.fixture
def metered(code: PackageCode) -> MeteredPlan:
    [sell] = [each for _, each in walk(code.module("shop/cart.py")) if each.co_name == "sell"]
    point = HookPoint(
        id="Shop/sale/1",
        code=code_id("shop/cart.py", sell),
        line=2,
        offset=min(hook_offsets(sell)),
        digest=code_digest(sell),
        why="",
        covers=(),
    )
    return MeteredPlan(feature="sale", policy=Policy.EVERY, plan_digest="", plan_path="", hook_points=(point,), plan_text="")


def without_a_line(module: CodeType) -> CodeType:
    return module.replace(
        co_consts=tuple(
            const.replace(co_firstlineno=const.co_firstlineno + 1) if isinstance(const, CodeType) else const
            for const in module.co_consts
        )
    )


def test_a_good_rewrite_passes_at_each_level(code, metered):
    assert [module.optimization for module in rewrite.rewrite_package(code, [metered])] == [0, 1, 2]


def test_a_bad_rewrite_is_an_error(code, metered, monkeypatch):
    real = rewrite.rewrite_module

    def damage(*given, **named):
        module, *rest = real(*given, **named)
        return without_a_line(module), *rest

    monkeypatch.setattr(rewrite, "rewrite_module", damage)
    with pytest.raises(UnsoundRewrite, match="rewritten code of sell would not be sound: co_firstlineno"):
        rewrite.rewrite_package(code, [metered])


@pytest.mark.skipif(HAS_MONITORING, reason="from 3.12 on there are no probes")
def test_a_bad_probe_is_an_error(code, monkeypatch):
    real = rewriting.probe_module
    monkeypatch.setattr(rewriting, "probe_module", lambda *given: (without_a_line(real(*given)[0]), ()))
    with pytest.raises(UnsoundRewrite, match="sell would not be sound"), probes.probe_build(code):
        pass
