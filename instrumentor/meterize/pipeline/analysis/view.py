"""The slice as source lines, for people to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from types import CodeType

from meterize.cpython.instructions import decode
from meterize.model.code import CodeId, InstructionMask
from meterize.model.plan import HookPlan
from meterize.model.report import Mark, SliceFunction, SliceLine
from meterize.model.slice import FeatureSlice
from meterize.pipeline.sources import PackageCode


def line_masks(code: CodeType) -> dict[int, InstructionMask]:
    """The units of each source line of one code object, from ``co_lines`` (PEP 626)."""
    masks: dict[int, InstructionMask] = defaultdict(int)
    for start, end, line in code.co_lines():
        if line is not None:
            masks[line] |= ((1 << ((end - start) >> 1)) - 1) << (start >> 1)
    return dict(masks)


def slice_functions(code: PackageCode, feature_slice: FeatureSlice, plan: HookPlan) -> tuple[SliceFunction, ...]:
    """Each function that owns unique instructions with its marked source, largest slice first."""
    by_size = sorted(feature_slice.union.items(), key=lambda item: (-item[1].bit_count(), item[0]))
    return tuple(_function(code, name, feature_slice, plan) for name, _ in by_size)


def _function(code: PackageCode, name: CodeId, feature_slice: FeatureSlice, plan: HookPlan) -> SliceFunction:
    code_object = code.codes(name.file)[name]
    union = feature_slice.union[name]
    ways = {executed.get(name, 0) for executed in feature_slice.by_test.values()}  # many tests, few ways through a function
    masks = line_masks(code_object)
    text = code.source(name.file).decode("utf-8", "replace").splitlines()
    hooks: dict[int, list[str]] = defaultdict(list)
    for point in plan.hook_points:
        if point.code == name:
            hooks[point.line].append(point.id)
    last = max(masks, default=name.first_line)
    return SliceFunction(
        file=name.file,
        qualname=name.qualname,
        line=name.first_line,
        unique=union.bit_count(),
        total=len(decode(code_object)),
        lines=tuple(
            SliceLine(
                number=number,
                text=text[number - 1] if number <= len(text) else "",
                mark=_mark(masks.get(number, 0), union, ways),
                hooks=tuple(hooks.get(number, ())),
            )
            for number in range(name.first_line, last + 1)
        ),
    )


def _mark(line: InstructionMask, union: InstructionMask, ways: Collection[InstructionMask]) -> Mark:
    """By the line, not by the instruction: the compiler copies the code of one line to the ends of several arms."""
    if not line & union:
        return Mark.NONE
    return Mark.EVERY if all(line & way for way in ways) else Mark.SOME
