"""Which source lines are the feature's own."""

from __future__ import annotations

import dataclasses
import types
from pathlib import Path

import pytest

from meterize.cpython.identity import code_id, walk
from meterize.cpython.instructions import decode
from meterize.errors import TargetError
from meterize.model.code import mask_of
from meterize.model.feature import Charge, Policy
from meterize.model.package import Package
from meterize.model.plan import HookPlan, HookPoint, Selection
from meterize.model.report import Mark
from meterize.model.slice import FeatureSlice
from meterize.pipeline.analysis.view import line_masks, slice_functions
from meterize.pipeline.sources import PackageCode

SOURCE = """\
def choose(x):
    if x:
        return (
            1,
            x,
        )
    return 2


class Box:
    @property
    def size(self):
        return 1

    @size.setter
    def size(self, value):
        self.x = value
"""
PLAN = HookPlan(
    package="shop", distribution="shop", version="1", interpreter="", feature="x", charge=Charge.ON_ENTRY,
    policy=Policy.ONCE, with_command="", without_command="", cwd="", slice_functions=(), hook_points=(),
    selection=Selection(feature_tests=(), rest_tests=()), intersection=0, union=0,
)  # fmt: skip


@pytest.fixture
def package(tmp_path: Path) -> Package:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text(SOURCE)
    (tmp_path / "shop" / "broken.py").write_text("def f(:\n")
    modules = ("shop/__init__.py", "shop/broken.py", "shop/gone.py")
    return Package(import_name="shop", distribution="shop", version="1", site=tmp_path, modules=modules)


def find(package: Package, qualname: str, first_line: int) -> types.CodeType:
    return next(
        code
        for _, code in walk(PackageCode(package).module("shop/__init__.py"))
        if code.co_qualname == qualname and code.co_firstlineno == first_line
    )


def test_every_instruction_is_on_its_line(package: Package) -> None:
    for _, code in walk(PackageCode(package).module("shop/__init__.py")):
        masks = line_masks(code)
        for one in decode(code):
            line = one.position[0]
            holders = [number for number, mask in masks.items() if mask >> (one.offset >> 1) & 1]
            assert holders == ([] if line is None else [line])


def test_marks_and_hooks(package: Package) -> None:
    code = find(package, "choose", 1)
    name = code_id("shop/__init__.py", code)
    masks = line_masks(code)
    way, other = masks[2] | masks[3] | masks[4] | masks[5], masks[2] | masks[7]
    some = way | other
    point = HookPoint(id="shop/x/1", code=name, line=2, offset=2, digest="", why="", covers=())
    plan = dataclasses.replace(PLAN, hook_points=(point,))
    found = FeatureSlice(intersection={name: masks[2]}, union={name: some}, by_test={"a": {name: way}, "b": {name: other}})
    [function] = slice_functions(PackageCode(package), found, plan)
    assert (function.qualname, function.unique, function.total) == ("choose", some.bit_count(), len(decode(code)))
    marks = {line.number: line.mark for line in function.lines}
    assert (marks[2], marks[7], marks[1]) == (Mark.EVERY, Mark.SOME, Mark.NONE)
    assert {line.number for line in function.lines if line.hooks} == {2}
    assert function.lines[0].text == "def choose(x):"


def test_a_line_is_in_every_test_though_each_runs_another_copy_of_it(package: Package) -> None:
    code = find(package, "choose", 1)
    name = code_id("shop/__init__.py", code)
    line = line_masks(code)[2]
    one = line & -line
    found = FeatureSlice(intersection={}, union={name: line}, by_test={"a": {name: one}, "b": {name: line & ~one}})
    [function] = slice_functions(PackageCode(package), found, PLAN)
    assert [each.number for each in function.lines if each.mark is Mark.EVERY] == [2]


def test_getter_and_setter_are_two(package: Package) -> None:
    code = PackageCode(package)
    getter, setter = find(package, "Box.size", 11), find(package, "Box.size", 15)
    names = [code_id("shop/__init__.py", each) for each in (getter, setter)]
    assert set(names) <= code.codes("shop/__init__.py").keys()
    assert code.codes("shop/__init__.py")[names[1]].co_varnames == ("self", "value")


def test_modules_that_do_not_compile_are_passed_over(package: Package) -> None:
    assert [file for file, _ in PackageCode(package).modules()] == ["shop/__init__.py"]
    with pytest.raises(TargetError) as raised:
        PackageCode(package).module("shop/gone.py")
    assert raised.value.slug == "unreadable-source"


def test_masks_speak_of_opcodes(package: Package) -> None:
    code = find(package, "choose", 1)
    everything = mask_of(one.offset for one in decode(code))
    on_lines = 0
    for mask in line_masks(code).values():
        on_lines |= mask
    assert everything & ~on_lines == mask_of(one.offset for one in decode(code) if one.position[0] is None)
