"""A plan with something in each of its keys, and any plan that hypothesis thinks of."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import strategies as st

from meterize.model.code import CodeId
from meterize.model.feature import Charge, Guidance, Policy
from meterize.model.plan import Alternative, Fires, HookPlan, HookPoint, Selection, Side

CODE = CodeId(file="tablib/formats/_xlsx.py", qualname="XLSXFormat.export_set", first_line=42)
XLSX = HookPlan(
    package="tablib",
    distribution="tablib",
    version="3.10.0",
    interpreter="cpython-312",
    feature="xlsx",
    charge=Charge.ON_ENTRY,
    policy=Policy.ONCE,
    with_command="python -m pytest -k 'xlsx'",
    without_command='python -m pytest -k "not xlsx"',
    cwd="/srv/tests/of a \\ tree",
    selection=Selection(
        feature_tests=("t.py::a[\u2028\x7f]", "t.py::b"),
        rest_tests=('d "quoted"\n', "t.py::c"),
        moved_to_feature=("t.py::b",),
        moved_to_rest=('d "quoted"\n',),
        outside=Side.FEATURE,
    ),
    intersection=3,
    union=41,
    slice_functions=("tablib/formats/_xlsx.py:XLSXFormat.export_set",),
    hook_points=(
        HookPoint(
            id="tablib/xlsx/1",
            code=CODE,
            line=55,
            offset=2,
            digest="ab" * 32,
            why="Only the feature runs it — naïve 'quotes' \"too\".",
            covers=("t.py::a[\u2028\x7f]",),
            fires=Fires(once=1),
            unproven=("tablib/core.py:7 Dataset.save",),
        ),
        HookPoint(
            id="tablib/xlsx/2",
            code=dataclasses.replace(CODE, qualname="XLSXFormat.import_set", first_line=80),
            line=81,
            offset=4,
            digest="cd" * 32,
            why="",
            covers=("t.py::a[\u2028\x7f]", "t.py::b"),
            fires=Fires(more=1, unknown=1),
        ),
    ),
    alternatives=(Alternative(code=CODE, line=42, feature_tests=2, rest_tests=0, why_not="The import passes it too."),),
    against=("csv",),
    guidance=Guidance(at=("tablib.core:Dataset:7",), exclude=('tablib."é"',), max_hooks=3),
    warnings=("one", "two\ttabs"),
)
CSV = dataclasses.replace(
    XLSX,
    feature="csv",
    charge=Charge.ON_SUCCESS,
    policy=Policy.EVERY,
    without_command="",
    hook_points=(dataclasses.replace(XLSX.hook_points[0], id="tablib/csv/1", offset=6),),
    alternatives=(),
    against=("xlsx",),
    guidance=Guidance(),
)
WORKBOOK = dataclasses.replace(CSV, package="openpyxl", distribution="OpenPyXL", version="3.1", without_command="w", against=())

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
numbers = st.integers(0, 2**31 - 1)
files = st.lists(st.text("abc.é \"'\\\n", min_size=1).filter(lambda part: part.strip(".")), min_size=1, max_size=3).map(
    lambda parts: "/".join(parts) + ".py"
)
guidances = st.builds(
    Guidance,
    at=st.lists(texts, max_size=2).map(tuple),
    exclude=st.lists(texts, max_size=2).map(tuple),
    max_hooks=st.none() | st.integers(1, 2**31 - 1),
)
codes = st.builds(CodeId, file=files, qualname=names, first_line=numbers)


@st.composite
def features(draw: st.DrawFn, names_taken: frozenset[str] = frozenset()) -> HookPlan:
    """One feature, as it is read: its tests sorted."""
    feature_tests = tuple(sorted(draw(st.lists(texts, max_size=4))))
    rest_tests = tuple(sorted(draw(st.lists(texts, max_size=4))))
    offsets = draw(st.lists(st.integers(0, 2**30).map(lambda number: number * 2 - number // 2**30 * 2), min_size=1, max_size=3,
                            unique=True))  # fmt: skip
    code = draw(codes)
    points = tuple(
        HookPoint(
            id=f"{draw(texts)}/{number}",
            code=code,
            line=draw(numbers),
            offset=offset,
            digest=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
            why=draw(texts),
            covers=tuple(sorted(draw(st.lists(st.sampled_from(feature_tests))))) if feature_tests else (),
            fires=draw(st.builds(Fires, once=numbers, more=numbers, unknown=numbers)),
            unproven=tuple(draw(st.lists(texts, max_size=2))),
        )
        for number, offset in enumerate(offsets)
    )
    alternative = st.builds(Alternative, code=codes, line=numbers, feature_tests=numbers, rest_tests=numbers, why_not=texts)
    return HookPlan(
        package=draw(names),
        distribution=draw(names),
        version=draw(names),
        interpreter="cpython-312",
        feature=draw(names.filter(lambda name: name not in names_taken)),
        charge=draw(st.sampled_from(Charge)),
        policy=draw(st.sampled_from([Policy(form) for form in Policy.FORMS])),
        with_command=draw(names),
        without_command=draw(names),
        cwd=f"/srv/{draw(names)}",
        selection=Selection(
            feature_tests=feature_tests,
            rest_tests=rest_tests,
            moved_to_feature=feature_tests[::2],
            moved_to_rest=rest_tests[1:],
            outside=draw(st.sampled_from(Side)),
        ),
        intersection=draw(numbers),
        union=draw(numbers),
        slice_functions=tuple(draw(st.lists(texts, max_size=3))),
        hook_points=points,
        alternatives=tuple(draw(st.lists(alternative, max_size=2))),
        guidance=draw(guidances),
        warnings=tuple(draw(st.lists(texts, max_size=3))),
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[HookPlan, ...]:
    """The features of a file; the last may be told apart from an earlier one of the same distribution."""
    first = draw(features())
    if draw(st.booleans()):
        return (first,)
    second = draw(features(frozenset({first.feature})))
    if draw(st.booleans()):
        against = dataclasses.replace(
            second, distribution=first.distribution, against=(first.feature,), without_command=draw(texts)
        )
        return (first, against)
    return (first, second)


@pytest.fixture(scope="session")
def any_plan() -> st.SearchStrategy[tuple[HookPlan, ...]]:
    return plans()


@pytest.fixture(scope="session")
def any_text() -> st.SearchStrategy[str]:
    return texts


@pytest.fixture(scope="session")
def xlsx() -> HookPlan:
    """A feature that is told apart from ``csv``: in a file of its own it is none."""
    return XLSX


@pytest.fixture(scope="session")
def alone() -> HookPlan:
    """A feature that needs no other."""
    return dataclasses.replace(XLSX, against=())


@pytest.fixture(scope="session")
def three() -> tuple[HookPlan, ...]:
    """Two features of one package, each against the other, and one of another package."""
    return (XLSX, CSV, WORKBOOK)


@pytest.fixture(scope="session")
def violations() -> Callable[[str], list[str]]:
    """What the shipped JSON Schema has against a TOML text."""
    from jsonschema import Draft202012Validator

    schema = json.loads(resources.files("meterize.plan_file").joinpath("plan.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    return lambda text: [error.message for error in validator.iter_errors(tomllib.loads(text))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tablib.plan.toml"
