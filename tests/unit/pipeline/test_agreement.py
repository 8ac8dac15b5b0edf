"""Names that can be told apart, and plans that speak of the package they name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from meterize.errors import TargetError, UsageError
from meterize.model.code import CodeId
from meterize.model.feature import Charge, Policy
from meterize.model.package import Package
from meterize.model.plan import HookPlan, HookPoint, Selection
from meterize.pipeline.agreement import MAX_NAME, refuse_own, require_agreement, require_feature_name

PACKAGE = Package(
    import_name="shop", distribution="Shop", version="1.0", site=Path("/site"), modules=("shop/__init__.py", "shop/cart.py")
)
POINT = HookPoint(
    id="Shop/sale/1",
    code=CodeId(file="shop/cart.py", qualname="sell", first_line=1),
    line=2,
    offset=2,
    digest="0" * 64,
    why="",
    covers=(),
)
PLAN = HookPlan(
    package="shop", distribution="Shop", version="1.0", interpreter="cpython-312", feature="sale", charge=Charge.ON_ENTRY,
    policy=Policy.ONCE, with_command="a", without_command="b", cwd="/", selection=Selection(feature_tests=(), rest_tests=()),
    intersection=1, union=1, slice_functions=(), hook_points=(POINT,),
)  # fmt: skip


@pytest.mark.parametrize("name", ["x", "xlsx-export", "two words", "Bärnstein ⚙", "it's", "a.b", "x" * MAX_NAME, "100 %", "\\"])
def test_good_names(name: str) -> None:
    require_feature_name(name)


@pytest.mark.parametrize(
    "name", ["", " ", "a/b", "/", "\0", "a\nb", "\x1b[31m", "\u200b", "\udcff", " a", "a\u00a0", "x" * (MAX_NAME + 1)]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        require_feature_name(name)
    assert raised.value.slug == "bad-feature-name"
    assert repr(name) in raised.value.message


def test_a_plan_for_the_package() -> None:
    require_agreement(PLAN, PACKAGE)
    require_agreement(dataclasses.replace(PLAN, version="0.9"), PACKAGE)


@pytest.mark.parametrize(
    ("file", "is_own"),
    [("shop.py", True), ("shop/till.py", True), ("shop_more.py", False), ("shops/till.py", False), ("zoo/shop.py", False)],
)
@pytest.mark.parametrize("modules", [("shop.py",), ("shop/__init__.py",)])
def test_another_version_may_lack_a_module_and_be_one_or_a_folder(modules: tuple[str, ...], file: str, is_own: bool) -> None:
    package = dataclasses.replace(PACKAGE, modules=modules)
    moved = dataclasses.replace(POINT, code=dataclasses.replace(POINT.code, file=file))
    plan = dataclasses.replace(PLAN, version="0.9", hook_points=(moved,))
    if is_own:
        require_agreement(plan, package)
    else:
        with pytest.raises(UsageError, match="no module of shop"):
            require_agreement(plan, package)


WRONG_IDS = ["Shop/sale/0", "Shop/sale/01", "Shop/sale/", "Shop/sale/1/2", "Shop/sale/-1", "Shop/sale/1\n", "Shop/sale/٣"]


@pytest.mark.parametrize("identity", [*WRONG_IDS, "shop/sale/1", "Shop/other/1", "sale/1", "1"])
def test_hooks_of_something_else(identity: str) -> None:
    with pytest.raises(UsageError, match="id") as raised:
        require_agreement(dataclasses.replace(PLAN, hook_points=(POINT, dataclasses.replace(POINT, id=identity))), PACKAGE)
    assert raised.value.slug == "plan-disagrees"


@pytest.mark.parametrize("file", ["cafe/__init__.py", "shop/tests/test_cart.py", "shop.py", "SHOP/cart.py"])
def test_modules_of_something_else(file: str) -> None:
    moved = dataclasses.replace(POINT, code=dataclasses.replace(POINT.code, file=file))
    with pytest.raises(UsageError, match="no module of shop"):
        require_agreement(dataclasses.replace(PLAN, hook_points=(moved,)), PACKAGE)


@pytest.mark.parametrize("name", ["meterize", "meterize_hooks"])
def test_the_tool_itself(name: str) -> None:
    with pytest.raises(TargetError) as raised:
        refuse_own(dataclasses.replace(PACKAGE, import_name=name))
    assert raised.value.slug == "own-package"
    refuse_own(PACKAGE)


def test_another_distribution() -> None:
    with pytest.raises(UsageError, match="'Cafe'"):
        require_agreement(dataclasses.replace(PLAN, distribution="Cafe"), PACKAGE)


def test_a_pattern_in_a_name_is_no_pattern() -> None:
    point = dataclasses.replace(POINT, id="Shop/a.b/1")
    require_agreement(dataclasses.replace(PLAN, feature="a.b", hook_points=(point,)), PACKAGE)
    with pytest.raises(UsageError, match="id"):
        require_agreement(
            dataclasses.replace(PLAN, feature="a.b", hook_points=(dataclasses.replace(POINT, id="Shop/axb/1"),)), PACKAGE
        )
