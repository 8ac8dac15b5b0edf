"""Plans for generated packages: a hook at the entry of one function in each of some modules."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from meterize.cpython.identity import code_digest, code_id, walk
from meterize.cpython.pyc import compile_module
from meterize.cpython.versions import CACHE_TAG
from meterize.flow import build_graph
from meterize.model.feature import Charge, Policy
from meterize.model.plan import HookPlan, HookPoint, Selection
from meterize.plan_file import write_plans


def write_generated_plan(path: Path, site: Path, name: str, hooked: Iterable[int], policy: Policy) -> None:
    """A plan with a hook at the entry of one function in each of these modules of a generated package."""
    points = tuple(_point(site, name, f"{name}/part_{number}.py", count) for count, number in enumerate(hooked, start=1))
    plan = HookPlan(
        package=name,
        distribution=name,
        version="1.0",
        interpreter=CACHE_TAG,
        feature="steps",
        charge=Charge.ON_ENTRY,
        policy=policy,
        with_command="python -m pytest",
        without_command="python -m pytest",
        cwd=str(site),
        selection=Selection(feature_tests=("test_steps",), rest_tests=("test_rest",)),
        intersection=len(points),
        union=len(points),
        slice_functions=tuple(f"{point.code.file}:{point.code.qualname}" for point in points),
        hook_points=points,
    )
    write_plans([plan], path)


def _point(site: Path, name: str, file: str, count: int) -> HookPoint:
    module = compile_module((site / file).read_bytes(), str(site / file), 0)
    function = next(code for _, code in walk(module) if code.co_name == "step_3")
    entry = build_graph(file, function).blocks[0]
    assert entry.hook_offset is not None
    return HookPoint(
        id=f"{name}/steps/{count}",
        code=code_id(file, function),
        line=entry.line or function.co_firstlineno,
        offset=entry.hook_offset,
        digest=code_digest(function),
        why="the entry of a function of the feature",
        covers=("test_steps",),
    )
