"""Hooks follow their code: kept where it is what it was, wherever it stands now; refused, with a list, where it is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.errors import TargetError
from meterize.model.feature import Charge, Guidance, Policy
from meterize.model.package import Package
from meterize.model.plan import HookPlan, HookPoint, Selection
from meterize.pipeline.metering.fitting import fit_plans, fit_points
from meterize.pipeline.sources import PackageCode

PLAN = Path("my plan.toml")
CART = """\
def sell(price):
    if price > 1:
        return price * 2
    return price


def count():
    return [each for each in range(3)]
"""


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., PackageCode]:
    """A package of one module, in any version."""

    def install(text: str | None = CART, version: str = "1.0") -> PackageCode:
        file = tmp_path / "shop" / "cart.py"
        file.parent.mkdir(exist_ok=True)
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        modules = ("shop/cart.py",) if text is not None else ()
        return PackageCode(Package(import_name="shop", distribution="Shop", version=version, site=tmp_path, modules=modules))

    return install


def point(code: PackageCode, qualname: str, line: int, number: int = 1) -> HookPoint:
    [found] = [each for _, each in walk(code.module("shop/cart.py")) if each.co_qualname == qualname]
    offset = next(start for start, _, own in found.co_lines() if own == line)
    name = code_id("shop/cart.py", found)
    return HookPoint(
        id=f"Shop/sale/{number}", code=name, line=line, offset=offset, digest=code_digest(found), why="", covers=()
    )


def plan(name: str, *points: HookPoint, **more: object) -> HookPlan:
    made = HookPlan(
        package="shop", distribution="Shop", version="1.0", interpreter="x", feature=name, charge=Charge.ON_ENTRY,
        policy=Policy.ONCE, with_command="run it", without_command="b", cwd="/",
        selection=Selection(feature_tests=(), rest_tests=()), intersection=1, union=1, slice_functions=(), hook_points=points,
    )  # fmt: skip
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def test_the_same_code_is_left_alone(installed: Callable[..., PackageCode]) -> None:
    code = installed()
    points = (point(code, "sell", 3), point(code, "count", 8, 2))
    assert fit_points(points, code) == (points, ())


@pytest.mark.parametrize("before", ["\n\n\n", "import os\n\n\ndef other():\n    return os\n\n\n", "# a licence\n" * 300])
def test_lines_may_move(installed: Callable[..., PackageCode], before: str) -> None:
    old = point(installed(), "sell", 3)
    [new], changes = fit_points([old], installed(before + CART, "1.1"))
    assert changes == ()
    down = before.count("\n")
    assert (new.code.first_line, new.line) == (old.code.first_line + down, old.line + down)
    assert dataclasses.replace(new, code=old.code, line=old.line) == old


def test_lines_inside_may_move_too(installed: Callable[..., PackageCode]) -> None:
    old = point(installed(), "sell", 3)
    [new], _ = fit_points([old], installed("\n" + CART.replace("        return", "        # twice\n\n        return"), "1.1"))
    assert (new.code.first_line, new.line) == (2, 6)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (CART.replace("* 2", "* 3"), "shop/cart.py: sell (line 1) has changed"),
        (CART.replace("def sell", "def sold"), "shop/cart.py: sell (line 1) is gone"),
        (CART.replace("def sell(price)", "def sell(price, tip=0)"), "sell (line 1) has changed"),
        ("def f(", "sell (line 1) cannot be looked at: "),
        (None, "sell (line 1) is gone, and the module with it"),
        ("", "sell (line 1) is gone"),
        ("\n" + CART + CART, "sell (line 1) is there 2 times by now"),
    ],
)
def test_what_has_changed_is_listed(installed: Callable[..., PackageCode], text: str | None, complaint: str) -> None:
    old = point(installed(), "sell", 3)
    points, [change] = fit_points([old, dataclasses.replace(old, id="Shop/sale/2")], installed(text, "1.1"))
    assert points == ()
    assert complaint in change


def test_of_two_alike_the_one_in_place_is_meant(installed: Callable[..., PackageCode]) -> None:
    old = point(installed(), "sell", 3)
    assert fit_points([old], installed(CART + CART)) == ((old,), ())


def test_one_changed_function_refuses_all_and_says_what_to_run(installed: Callable[..., PackageCode]) -> None:
    code = installed()
    sale, tally = plan("sale", point(code, "sell", 3)), plan("tally", point(code, "count", 8))
    new = installed(CART.replace("range(3)", "range(4)"), "1.1")
    with pytest.raises(TargetError) as raised:
        fit_plans([sale, tally], new, PLAN)
    assert raised.value.slug == "plan-out-of-date"
    said = "Shop 1.1 is installed, the plan is of 1.0: 1 hooked function changed; nothing was instrumented"
    assert raised.value.message == said
    assert raised.value.details == ("tally: shop/cart.py: count (line 7) has changed",)
    assert "analyze again for 'tally'" in raised.value.hint
    assert "--feature sale" in raised.value.hint
    with pytest.raises(TargetError) as raised:
        fit_plans([tally], new, PLAN)
    command = "meterize analyze shop --feature tally --with 'run it' --without b --cwd / --plan 'my plan.toml'"
    assert raised.value.hint.endswith(command)
    assert fit_plans([sale], new, PLAN) == (sale,)


def test_the_advice_repeats_all_that_was_said_the_first_time(installed: Callable[..., PackageCode]) -> None:
    tally = plan("tally", point(installed(), "count", 8))
    said = dataclasses.replace(
        tally,
        charge=Charge.ON_SUCCESS,
        guidance=Guidance(at=("shop.cart:count:8",), exclude=("shop.till", "*:_*"), max_hooks=2),
        selection=dataclasses.replace(tally.selection, moved_to_feature=("t.py::a",)),
    )
    with pytest.raises(TargetError) as raised:
        fit_plans([said], installed(CART.replace("range(3)", "range(4)"), "1.1"), PLAN)
    assert raised.value.hint.endswith(
        "--charge on-success --refine --at shop.cart:count:8 --exclude shop.till --exclude '*:_*' --max-hooks 2"
    )
