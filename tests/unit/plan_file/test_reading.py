"""Every way to spoil a plan by hand is refused by name: by the reader, and by the schema wherever a schema can say it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from meterize.errors import UsageError
from meterize.model.plan import HookPlan
from meterize.plan_file import check_interpreter, read_plans, render_plans


def refused(path: Path, text: str | bytes) -> UsageError:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError) as raised:
        read_plans(path)
    assert str(path) in raised.value.message
    return raised.value


def test_another_interpreters_plan_is_refused_by_both_names(alone: HookPlan) -> None:
    check_interpreter(alone, "cpython-312")
    with pytest.raises(UsageError, match=r"cpython-312.*cpython-313") as raised:
        check_interpreter(alone, "cpython-313")
    assert raised.value.slug == "plan-wrong-interpreter"


SPOILT = [
    ('package = "tablib"', 'package = ""', "feature 1: package: expected a text"),
    ('package = "tablib"', "package = 5", "feature 1: package: expected a text, found 5"),
    ('package = "tablib"', "", "feature 1: package: missing"),
    ('interpreter = "cpython-312"', "", "interpreter: missing"),
    ('interpreter = "cpython-312"', "interpreter = 312", "interpreter: expected a text"),
    ('interpreter = "', 'colour = "red"\ninterpreter = "', "colour: a plan has no such key"),
    ('charge = "on-entry"', 'charge = "on-exit"', 'feature 1: charge: expected "on-entry" or "on-success", found \'on-exit\''),
    ('policy = "once"', 'policy = "twice"', "feature 1: policy: expected"),
    ('policy = "once"', 'policy = "once"\npolice = "once"', "feature 1: police: a plan has no such key"),
    ("intersection = 3", "intersection = -3", "feature 1: slice: intersection: expected a whole number"),
    ("intersection = 3", "intersection = true", "feature 1: slice: intersection: expected a whole number"),
    ("union = 41", f"union = {2**63}", "feature 1: slice: union: expected a whole number"),
    ("[feature.slice]", "[feature.slice]\nunion_ = 1", "feature 1: slice: union_: a plan has no such key"),
    ("[feature.slice]", "[feature.sliced]", "feature 1: slice: missing"),
    ("[feature.slice]", "[slice]", "slice: a plan has no such key"),
    ("[feature.selection]", "[[feature.selection]]", "feature 1: selection: expected a table"),
    ("\n[[feature.hook_point]]", "\n[[feature.hook_points]]", "feature 1: hook_points: a plan has no such key"),
    ("\n[[feature.alternative]]", "\n[feature.alternative]", "feature 1: alternative: expected only [[alternative]] tables"),
    ("\n[[feature.alternative]]", "\n[[feature.alternatives]]", "feature 1: alternatives: a plan has no such key"),
    ("why_not = ", "why = ", "feature 1: alternative 1: why_not: missing"),
    ("feature_tests = 2", "feature_tests = -2", "feature 1: alternative 1: feature_tests: expected a whole number"),
    ('  "t.py::c",', "  7,", "feature 1: selection: rest_tests: expected an array of texts, found 7"),
    ("offset = 4", "offset = 5", "feature 1: hook_point 2: offset: expected an even number"),
    ("offset = 4", 'offset = "4"', "feature 1: hook_point 2: offset: expected a whole number"),
    ("line = 55", "line = 1979-05-27", "feature 1: hook_point 1: line: expected a whole number"),
    ("cd" * 32, "cd" * 31, "feature 1: hook_point 2: digest: expected 64 hexadecimal digits"),
    ("cd" * 32, "CD" * 32, "feature 1: hook_point 2: digest: expected 64 hexadecimal digits"),
    ("once = 1,", "once = -1,", "feature 1: hook_point 1: fires: once: expected a whole number"),
    ("once = 1,", "", "feature 1: hook_point 1: fires: once: missing"),
    ("once = 1,", "once = 1, never = 1,", "feature 1: hook_point 1: fires: never: a plan has no such key"),
    ("fires = {", "fires = 1 # {", "feature 1: hook_point 1: fires: expected a table"),
    ("unproven = [", "unproven = [\n0,", "feature 1: hook_point 1: unproven: expected an array of texts"),
    ('"tablib/formats/_xlsx.py"', '"/etc/passwd.py"', "feature 1: hook_point 1: file: expected the relative path"),
    ('"tablib/formats/_xlsx.py"', '"../../x.py"', "feature 1: hook_point 1: file: expected the relative path"),
    ('"tablib/formats/_xlsx.py"', '"./x.py"', "feature 1: hook_point 1: file: expected the relative path"),
    ('"tablib/formats/_xlsx.py"', '"tablib/./x.py"', "feature 1: hook_point 1: file: expected the relative path"),
    ('"tablib/formats/_xlsx.py"', '"tablib//x.py"', "feature 1: hook_point 1: file: expected the relative path"),
    ('"tablib/formats/_xlsx.py"', '"tablib/x.so"', "feature 1: hook_point 1: file: expected the relative path"),
    ('"tablib/formats/_xlsx.py"', r'"tablib/\u0000.py"', "feature 1: hook_point 1: file: expected the relative path"),
    ("why = ", "wy = ", "feature 1: hook_point 1: why: missing"),
    ("schema = 2", 'schema = "2"', "schema: expected a whole number"),
    ('without = "w"', 'without = ""', "feature 3: without: expected a text"),
    ('version = "3.1"', "version = 3.1", "feature 3: version: expected a text, found 3.1"),
    ('against = [\n  "csv"', "against = [\n  5", "feature 1: against: expected an array of texts"),
]
BEYOND_A_SCHEMA = [
    ("intersection = 3", "intersection = 3.0", "feature 1: slice: intersection: expected a whole number"),
    ("tablib/xlsx/2", "tablib/xlsx/1", "feature 1: hook_point 2: id: expected one that no other hook point has"),
    (
        'covers = [\n  "t.py',
        'covers = [\n  "u.py',
        "feature 1: hook_point 1: covers: expected only tests that the selection lists",
    ),
    ('feature = [\n  "t.py', 'feature = [\n  "u.py', "feature 1: selection: moved_to_feature: expected only tests"),
    ('outside = "feature"', 'outside = "both"', 'feature 1: selection: outside: expected "feature" or "rest"'),
    ('outside = "feature"', "outside = true", "feature 1: selection: outside: expected a text"),
    ('moved_to_rest = [\n  "d', 'moved_to_rest = [\n  "e', "feature 1: selection: moved_to_rest: expected only tests"),
    (
        'against = [\n  "csv"',
        'against = [\n  "ods"',
        "feature 1: against: expected only other features of the same distribution",
    ),
    ('against = [\n  "csv"', 'against = [\n  "xlsx"', "feature 1: against: expected only other features"),
    (
        'distribution = "OpenPyXL"',
        'distribution = "tablib"',
        "feature 3: name: expected one that no other feature of its distribution has",
    ),
    ("\n[[feature.hook_point]]", "\n[feature.hook_point]", "not TOML"),
    ("schema = 2", "schema = 2\nschema = 2", "not TOML"),
    ("schema = 2", f"schema = {'9' * 5000}", "not TOML"),
    ("schema = 2", f"deep = {'[' * 5000}", "nested too deeply"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), [*SPOILT, *BEYOND_A_SCHEMA])
def test_a_spoilt_plan_is_refused_by_key(path: Path, three: tuple[HookPlan, ...], old: str, new: str, complaint: str) -> None:
    text = render_plans(three)
    assert old in text
    error = refused(path, text.replace(old, new, 1))
    assert error.slug == "plan-invalid"
    assert complaint in error.message
    assert len(error.message) < 500
    assert error.hint


@pytest.mark.parametrize(("old", "new", "complaint"), SPOILT)
def test_the_schema_refuses_it_too(
    three: tuple[HookPlan, ...], violations: Callable[[str], list[str]], old: str, new: str, complaint: str
) -> None:
    assert violations(render_plans(three).replace(old, new, 1))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"\0", b"[[hook_point]]\n", b"{}", b"<html>", b"PK\x03\x04"])
def test_what_is_no_plan_at_all_is_refused(path: Path, content: bytes) -> None:
    assert refused(path, content).slug == "plan-invalid"


def test_two_hook_points_at_one_place_are_refused(path: Path, alone: HookPlan) -> None:
    twin = dataclasses.replace(alone.hook_points[0], id="tablib/xlsx/2")
    error = refused(path, render_plans((dataclasses.replace(alone, hook_points=(alone.hook_points[0], twin)),)))
    assert "hook_point 2: offset" in error.message


def test_a_feature_of_several_packages_has_one_name(path: Path, alone: HookPlan) -> None:
    other = dataclasses.replace(alone, distribution="openpyxl")
    path.write_text(render_plans((alone, other)), "utf-8")
    assert read_plans(path) == (alone, other)


@pytest.mark.parametrize("schema", [1, 3])
def test_another_schema_is_refused_as_such(path: Path, alone: HookPlan, schema: int) -> None:
    error = refused(path, render_plans((alone,)).replace("schema = 2", f"schema = {schema}"))
    assert error.slug == "plan-wrong-schema"
    assert f"schema {schema}" in error.message


def test_a_missing_plan_is_told_from_an_unreadable_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_plans(tmp_path / "none.toml")
    assert raised.value.slug == "plan-not-found"
    with pytest.raises(UsageError) as raised:
        read_plans(tmp_path)
    assert raised.value.slug == "plan-invalid"


def test_a_huge_file_is_refused_unread(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UsageError, match="this is no plan"):
        read_plans(path)
