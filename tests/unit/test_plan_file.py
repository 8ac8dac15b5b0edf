"""A plan survives being written and read, and every way to spoil it by hand is refused by name."""

from __future__ import annotations

import dataclasses
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.errors import MeterizeError, TargetError, UsageError
from meterize.model.code import CodeId
from meterize.model.feature import Charge, Policy
from meterize.model.plan import HookPlan, HookPoint, Selection
from meterize.plan_file import check_interpreter, digest_plan, read_plan, render_plan, write_plan

PLAN = HookPlan(
    package="tablib",
    distribution="tablib",
    version="3.10.0",
    interpreter="cpython-312",
    feature="xlsx",
    charge=Charge.ON_ENTRY,
    policy=Policy.ONCE,
    with_command="python -m pytest -k 'xlsx'",
    without_command='python -m pytest -k "not xlsx"',
    cwd="tests/of a \\ tree",
    selection=Selection(
        feature_tests=("t.py::a[\u2028\x7f]", "t.py::b"),
        rest_tests=("t.py::c", 'd "quoted"\n'),
        moved_to_feature=("t.py::b",),
        moved_to_rest=('d "quoted"\n',),
    ),
    intersection=3,
    union=41,
    slice_functions=("tablib/formats/_xlsx.py:XLSXFormat.export_set",),
    hook_points=(
        HookPoint(
            id="tablib/xlsx/1",
            code=CodeId(file="tablib/formats/_xlsx.py", qualname="XLSXFormat.export_set", first_line=42),
            line=55,
            offset=2,
            digest="ab" * 32,
            why="Only the feature runs it — naïve 'quotes' \"too\".",
            covers=("t.py::a[\u2028\x7f]",),
        ),
        HookPoint(
            id="tablib/xlsx/2",
            code=CodeId(file="tablib/formats/_xlsx.py", qualname="XLSXFormat.import_set", first_line=80),
            line=81,
            offset=4,
            digest="cd" * 32,
            why="",
            covers=("t.py::a[\u2028\x7f]", "t.py::b"),
        ),
    ),
    warnings=("one", "two\ttabs"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tablib.xlsx.plan.toml"


def refused(path: Path, text: str | bytes) -> UsageError:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(UsageError) as raised:
        read_plan(path)
    assert str(path) in raised.value.message
    return raised.value


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_what_is_written_is_read_again(path: Path) -> None:
    write_plan(PLAN, path)
    assert read_plan(path) == PLAN
    assert path.read_text("utf-8") == render_plan(PLAN)


def test_a_reviewer_finds_a_stanza_for_each_point_and_a_line_for_each_test() -> None:
    lines = render_plan(PLAN).splitlines()
    assert lines.count("[[hook_point]]") == 2
    assert '  "t.py::b",' in lines
    assert r'  "t.py::a[\u2028\u007F]",' in lines
    assert lines[0].startswith("# ")
    assert lines.index("[selection]") > lines.index("[[hook_point]]")


texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
numbers = st.integers(0, 2**31 - 1)
files = st.lists(st.text("abc.é \"'\\\n", min_size=1).filter(lambda part: part.strip(".")), min_size=1, max_size=3).map(
    lambda parts: "/".join(parts) + ".py"
)


@st.composite
def plans(draw: st.DrawFn) -> HookPlan:
    feature_tests = tuple(draw(st.lists(texts, max_size=4)))
    rest_tests = tuple(draw(st.lists(texts, max_size=4)))
    offsets = draw(st.lists(numbers, min_size=1, max_size=3, unique=True))
    code = CodeId(file=draw(files), qualname=draw(names), first_line=draw(numbers))
    points = tuple(
        HookPoint(
            id=f"{draw(texts)}/{number}",
            code=code,
            line=draw(numbers),
            offset=offset & ~1 if offset & ~1 not in offsets[:number] else number * 2 + 2**30,
            digest=draw(st.text("0123456789abcdef", min_size=64, max_size=64)),
            why=draw(texts),
            covers=tuple(draw(st.lists(st.sampled_from(feature_tests)))) if feature_tests else (),
        )
        for number, offset in enumerate(offsets)
    )
    return HookPlan(
        package=draw(names),
        distribution=draw(names),
        version=draw(names),
        interpreter=draw(names),
        feature=draw(names),
        charge=draw(st.sampled_from(Charge)),
        policy=draw(st.sampled_from(Policy)),
        with_command=draw(names),
        without_command=draw(names),
        cwd=draw(names),
        selection=Selection(
            feature_tests=feature_tests,
            rest_tests=rest_tests,
            moved_to_feature=feature_tests[::2],
            moved_to_rest=rest_tests[1:],
        ),
        intersection=draw(numbers),
        union=draw(numbers),
        slice_functions=tuple(draw(st.lists(texts, max_size=3))),
        hook_points=points,
        warnings=tuple(draw(st.lists(texts, max_size=3))),
    )


@given(plans())
def test_any_plan_survives_the_round_trip(tmp_path_factory: pytest.TempPathFactory, plan: HookPlan) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.plan.toml"
    unique = {(point.code, point.offset) for point in plan.hook_points}
    if len(unique) == len(plan.hook_points):
        write_plan(plan, path)
        assert read_plan(path) == plan


@given(texts)
def test_no_text_breaks_out_of_its_quotes_or_its_line(text: str) -> None:
    rendered = render_plan(dataclasses.replace(PLAN, with_command=text))
    line = next(line for line in rendered.split("\n") if line.startswith("with = "))
    assert tomllib.loads(line) == {"with": text}
    assert len(rendered.split("\n")) == len(rendered.splitlines()) + 1


@pytest.mark.parametrize("text", ["\ud800", "caf\udce9", "a\udfffb"])
def test_a_lone_surrogate_is_refused(path: Path, text: str) -> None:
    with pytest.raises(UsageError) as raised:
        write_plan(dataclasses.replace(PLAN, with_command=text), path)
    assert raised.value.slug == "plan-text"
    assert not path.exists()


def test_the_digest_is_of_all_that_the_plan_says() -> None:
    assert re.fullmatch("[0-9a-f]{64}", digest_plan(PLAN))
    assert digest_plan(PLAN) == digest_plan(dataclasses.replace(PLAN))
    assert digest_plan(PLAN) != digest_plan(dataclasses.replace(PLAN, policy=Policy.EVERY))
    moved = dataclasses.replace(PLAN.hook_points[0], offset=6)
    assert digest_plan(PLAN) != digest_plan(dataclasses.replace(PLAN, hook_points=(moved, PLAN.hook_points[1])))


def test_comments_and_layout_do_not_change_the_digest(path: Path) -> None:
    write_plan(PLAN, path)
    path.write_text("# seen\n\n" + path.read_text("utf-8").replace(" = ", "="), "utf-8")
    assert digest_plan(read_plan(path)) == digest_plan(PLAN)


def test_another_interpreters_plan_is_refused_by_both_names() -> None:
    check_interpreter(PLAN, "cpython-312")
    with pytest.raises(UsageError, match=r"cpython-312.*cpython-313") as raised:
        check_interpreter(PLAN, "cpython-313")
    assert raised.value.slug == "plan-wrong-interpreter"


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('package = "tablib"', 'package = ""', "package: expected a text"),
        ('package = "tablib"', "package = 5", "package: expected a text, found 5"),
        ('package = "tablib"', "", "package: missing"),
        ('charge = "on-entry"', 'charge = "on-exit"', 'charge: expected "on-entry" or "on-success", found \'on-exit\''),
        ('policy = "once"', 'policy = "twice"', "policy: expected"),
        ('policy = "once"', 'policy = "once"\npolice = "once"', "police: a plan has no such key"),
        ("intersection = 3", "intersection = -3", "slice: intersection: expected a whole number"),
        ("intersection = 3", "intersection = true", "slice: intersection: expected a whole number"),
        ("intersection = 3", "intersection = 3.0", "slice: intersection: expected a whole number"),
        ("union = 41", f"union = {2**63}", "slice: union: expected a whole number"),
        ("[slice]", "[slice]\nunion_ = 1", "slice: union_: a plan has no such key"),
        ("[slice]", "[sliced]", "slice: missing"),
        ("[selection]", "[[selection]]", "selection: expected a table"),
        ("\n[[hook_point]]", "\n[[hook_points]]", "hook_points: a plan has no such key"),
        ("\n[[hook_point]]", "\n[hook_point]", "not TOML"),
        ('  "t.py::c",', "  7,", "selection: rest_tests: expected an array of texts, found 7"),
        ("offset = 4", "offset = 5", "hook_point 2: offset: expected an even number"),
        ("offset = 4", 'offset = "4"', "hook_point 2: offset: expected a whole number"),
        ("line = 55", "line = 1979-05-27", "hook_point 1: line: expected a whole number"),
        ("cd" * 32, "cd" * 31, "hook_point 2: digest: expected 64 hexadecimal digits"),
        ("cd" * 32, "CD" * 32, "hook_point 2: digest: expected 64 hexadecimal digits"),
        ("tablib/xlsx/2", "tablib/xlsx/1", "hook_point 2: id: expected one that no other hook point has"),
        ('"tablib/formats/_xlsx.py"', '"/etc/passwd.py"', "hook_point 1: file: expected the relative path"),
        ('"tablib/formats/_xlsx.py"', '"../../x.py"', "hook_point 1: file: expected the relative path"),
        ('"tablib/formats/_xlsx.py"', '"tablib/./x.py"', "hook_point 1: file: expected the relative path"),
        ('"tablib/formats/_xlsx.py"', '"tablib/x.so"', "hook_point 1: file: expected the relative path"),
        ('"tablib/formats/_xlsx.py"', r'"tablib/\u0000.py"', "hook_point 1: file: expected the relative path"),
        ('covers = [\n  "t.py', 'covers = [\n  "u.py', "hook_point 1: covers: expected only tests that the selection lists"),
        ('feature = [\n  "t.py', 'feature = [\n  "u.py', "selection: moved_to_feature: expected only tests"),
        ('moved_to_rest = [\n  "d', 'moved_to_rest = [\n  "e', "selection: moved_to_rest: expected only tests"),
        ("why = ", "wy = ", "hook_point 1: why: missing"),
        ("schema = 1", "schema = 1\nschema = 1", "not TOML"),
        ("schema = 1", 'schema = "1"', "schema: expected a whole number"),
        ("schema = 1", f"schema = {'9' * 5000}", "not TOML"),
        ("schema = 1", f"deep = {'[' * 5000}", "nested too deeply"),
    ],
)
def test_a_spoilt_plan_is_refused_by_key(path: Path, old: str, new: str, complaint: str) -> None:
    text = render_plan(PLAN)
    assert old in text
    error = refused(path, text.replace(old, new, 1))
    assert error.slug == "plan-invalid"
    assert complaint in error.message
    assert len(error.message) < 500
    assert error.hint


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"\0", b"[[hook_point]]\n", b"{}", b"<html>", b"PK\x03\x04"])
def test_what_is_no_plan_at_all_is_refused(path: Path, content: bytes) -> None:
    assert refused(path, content).slug == "plan-invalid"


def test_two_hook_points_at_one_place_are_refused(path: Path) -> None:
    twin = dataclasses.replace(PLAN.hook_points[0], id="tablib/xlsx/2")
    error = refused(path, render_plan(dataclasses.replace(PLAN, hook_points=(PLAN.hook_points[0], twin))))
    assert "hook_point 2: offset" in error.message


def test_a_newer_schema_is_refused_as_such(path: Path) -> None:
    assert refused(path, render_plan(PLAN).replace("schema = 1", "schema = 2")).slug == "plan-wrong-schema"


def test_a_missing_plan_is_told_from_an_unreadable_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_plan(tmp_path / "none.toml")
    assert raised.value.slug == "plan-not-found"
    with pytest.raises(UsageError) as raised:
        read_plan(tmp_path)
    assert raised.value.slug == "plan-invalid"


def test_a_huge_file_is_refused_unread(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(UsageError, match="this is no plan"):
        read_plan(path)


def test_a_plan_too_large_to_be_read_again_is_not_written(path: Path) -> None:
    tests = tuple(f"{'x' * 1_000_000}{number}" for number in range(34))
    plan = dataclasses.replace(PLAN, selection=Selection(feature_tests=PLAN.selection.feature_tests, rest_tests=tests))
    with pytest.raises(UsageError) as raised:
        write_plan(plan, path)
    assert raised.value.slug == "plan-too-large"
    assert not path.exists()


def test_writing_leaves_nothing_else_behind_and_follows_links(path: Path) -> None:
    write_plan(PLAN, path)
    link = path.with_name("link.toml")
    link.symlink_to(path.name)
    write_plan(dataclasses.replace(PLAN, feature="other"), link)
    assert link.is_symlink()
    assert read_plan(path).feature == "other"
    assert names_in(path.parent) == ["link.toml", path.name]


def test_the_file_has_the_usual_permissions(path: Path) -> None:
    write_plan(PLAN, path)
    usual = path.with_name("usual")
    usual.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


@pytest.mark.parametrize("place", ["missing/plan.toml", ".", "file/plan.toml"])
def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    before = names_in(tmp_path)
    with pytest.raises(TargetError) as raised:
        write_plan(PLAN, tmp_path / place)
    assert raised.value.slug == "plan-unwritable"
    assert names_in(tmp_path) == before


def test_a_failed_write_keeps_the_earlier_plan(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plan(PLAN, path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MeterizeError, match="No space left"):
        write_plan(dataclasses.replace(PLAN, feature="other"), path)
    assert read_plan(path) == PLAN
    assert names_in(path.parent) == [path.name]
