"""What is written: stable, reviewable, read again as it was, and on disk whole or not at all."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterize.errors import InternalError, MeterizeError, TargetError, UsageError
from meterize.model.feature import Policy
from meterize.model.plan import HookPlan, Selection
from meterize.plan_file import MAX_BYTES, digest_plan, read_plans, render_plans, write_plans


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def changed_lines(one: str, other: str) -> list[str]:
    lines = difflib.unified_diff(one.splitlines(), other.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_what_is_written_is_read_again(path: Path, three: tuple[HookPlan, ...]) -> None:
    write_plans(three, path)
    assert read_plans(path) == three
    assert path.read_text("utf-8") == render_plans(three)


def test_a_reviewer_finds_a_stanza_for_each_point_and_a_line_for_each_test(three: tuple[HookPlan, ...]) -> None:
    text = render_plans(three)
    lines = text.splitlines()
    assert [lines.count(f"[[feature{key}]]") for key in ("", ".hook_point", ".alternative")] == [3, 4, 1]
    assert '  "t.py::b",' in lines
    assert r'  "t.py::a[\u2028\u007F]",' in lines
    assert lines[0].startswith("# A plan of meterize")
    assert lines.index("[feature.selection]") > lines.index("[[feature.hook_point]]")
    assert max(map(len, lines)) < 130
    read = tomllib.loads(text)
    assert list(read) == ["schema", "interpreter", "feature"]
    assert [feature["name"] for feature in read["feature"]] == ["xlsx", "csv", "csv"]


@given(data=st.data())
def test_any_plan_survives_the_round_trip(
    tmp_path_factory: pytest.TempPathFactory, any_plan: st.SearchStrategy[tuple[HookPlan, ...]], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "round-trip.plan.toml"
    plans = data.draw(any_plan)
    write_plans(plans, path)
    assert read_plans(path) == plans


@given(data=st.data())
def test_no_text_breaks_out_of_its_quotes_or_its_line(
    alone: HookPlan, any_text: st.SearchStrategy[str], data: st.DataObject
) -> None:
    text = data.draw(any_text)
    rendered = render_plans((dataclasses.replace(alone, with_command=text),))
    line = next(line for line in rendered.split("\n") if line.startswith("with = "))
    assert tomllib.loads(line) == {"with": text}
    assert len(rendered.split("\n")) == len(rendered.splitlines()) + 1


def test_tests_that_ran_in_another_order_make_the_same_file(alone: HookPlan) -> None:
    chosen = alone.selection
    shuffled = dataclasses.replace(
        alone,
        selection=dataclasses.replace(chosen, feature_tests=chosen.feature_tests[::-1], rest_tests=chosen.rest_tests[::-1]),
    )
    assert render_plans((shuffled,)) == render_plans((alone,))
    assert digest_plan(shuffled) == digest_plan(alone)


def test_one_test_that_moves_changes_three_lines(alone: HookPlan) -> None:
    many = tuple(f"t.py::test_{number:03}" for number in range(100))
    before = dataclasses.replace(
        alone,
        selection=Selection(feature_tests=many[:50], rest_tests=many[50:]),
        hook_points=(dataclasses.replace(alone.hook_points[0], covers=()),),
    )
    selection = Selection(
        feature_tests=(*many[:50], many[77]), rest_tests=(*many[50:77], *many[78:]), moved_to_feature=(many[77],)
    )
    after = dataclasses.replace(before, selection=selection)
    changed = changed_lines(render_plans((before,)), render_plans((after,)))
    test = f'  "{many[77]}",'
    assert changed == [f"+{test}", f"-{test}", "-moved_to_feature = []", "+moved_to_feature = [", f"+{test}", "+]"]


@pytest.mark.parametrize(
    ("cwd", "written"),
    [
        (".", "."),
        ("tests", "tests"),
        ("a/b", "a/b"),
        ("..", ".."),
        ("../..", "../.."),
        ("../beside", None),
        ("/srv/x", "/srv/x"),
    ],
)
def test_a_clone_elsewhere_runs_its_own_tests(tmp_path: Path, alone: HookPlan, cwd: str, written: str | None) -> None:
    """The folder of the commands is relative to the plan's own, where that can be meant; the digest is the same anywhere."""
    one, other = tmp_path / "one" / "of" / "many", tmp_path / "other" / "of" / "few"
    for folder in (one, other):
        folder.mkdir(parents=True)
    absolute = os.path.normpath(one / cwd)
    write_plans((dataclasses.replace(alone, cwd=absolute),), one / "p.toml")
    assert f'cwd = "{written or absolute}"\n' in (one / "p.toml").read_text("utf-8")
    (other / "p.toml").write_bytes((one / "p.toml").read_bytes())
    [here], [there] = read_plans(one / "p.toml"), read_plans(other / "p.toml")
    assert here.cwd == absolute
    assert there.cwd == (os.path.normpath(other / cwd) if written else absolute)
    assert digest_plan(here) == digest_plan(there)


@pytest.mark.parametrize("line", ["#:schema ./plan.schema.json\n", "#:schema https://example.com/é.json\n"])
def test_the_line_that_names_the_schema_is_kept(path: Path, alone: HookPlan, line: str) -> None:
    write_plans((alone,), path)
    title, _, rest = path.read_text("utf-8").partition("\n")
    path.write_text(f"{title}\n{line}{rest}", "utf-8")
    kept = path.read_bytes()
    for _ in range(2):
        write_plans((alone,), path)
        assert path.read_bytes() == kept
    assert read_plans(path) == (alone,)


@pytest.mark.parametrize(
    "content", [b"\xff\n#:schema x\n", b"#:schema " + b"x" * 1000 + b"\n", b"a\n" * 100 + b"#:schema x\n", b"#:schemas\n"]
)
def test_what_only_looks_like_it_is_not(path: Path, alone: HookPlan, content: bytes) -> None:
    path.write_bytes(content)
    write_plans((alone,), path)
    assert path.read_text("utf-8") == render_plans((alone,))


def test_another_feature_leaves_the_first_as_it_was(alone: HookPlan, three: tuple[HookPlan, ...]) -> None:
    changed = changed_lines(render_plans((alone,)), render_plans((alone, three[2])))
    assert {line[0] for line in changed} == {"+"}


def test_features_of_two_interpreters_are_no_plan(alone: HookPlan) -> None:
    other = dataclasses.replace(alone, interpreter="cpython-313")
    for plans in ((alone, other), ()):
        with pytest.raises(InternalError):
            render_plans(plans)


@pytest.mark.parametrize("text", ["\ud800", "caf\udce9", "a\udfffb"])
def test_a_lone_surrogate_is_refused(path: Path, alone: HookPlan, text: str) -> None:
    with pytest.raises(UsageError) as raised:
        write_plans((dataclasses.replace(alone, with_command=text),), path)
    assert raised.value.slug == "plan-text"
    assert not path.exists()


def test_the_digest_is_of_all_that_the_plan_says(alone: HookPlan) -> None:
    assert re.fullmatch("[0-9a-f]{64}", digest_plan(alone))
    assert digest_plan(alone) == digest_plan(dataclasses.replace(alone))
    assert digest_plan(alone) != digest_plan(dataclasses.replace(alone, policy=Policy.EVERY))
    moved = dataclasses.replace(alone.hook_points[0], offset=6)
    assert digest_plan(alone) != digest_plan(dataclasses.replace(alone, hook_points=(moved, alone.hook_points[1])))


def test_comments_and_layout_do_not_change_the_digest(path: Path, alone: HookPlan) -> None:
    write_plans((alone,), path)
    path.write_text("# seen\n\n" + path.read_text("utf-8").replace(" = ", "="), "utf-8")
    assert [digest_plan(plan) for plan in read_plans(path)] == [digest_plan(alone)]


def test_a_plan_too_large_to_be_read_again_is_not_written(path: Path, alone: HookPlan) -> None:
    tests = tuple(f"{'x' * 1_000_000}{number}" for number in range(MAX_BYTES // 1_000_000 + 1))
    plan = dataclasses.replace(alone, selection=Selection(feature_tests=alone.selection.feature_tests, rest_tests=tests))
    with pytest.raises(UsageError) as raised:
        write_plans((plan,), path)
    assert raised.value.slug == "plan-too-large"
    assert not path.exists()


def test_writing_leaves_nothing_else_behind_and_follows_links(path: Path, alone: HookPlan) -> None:
    write_plans((alone,), path)
    link = path.with_name("link.toml")
    link.symlink_to(path.name)
    write_plans((dataclasses.replace(alone, feature="other"),), link)
    assert link.is_symlink()
    assert [plan.feature for plan in read_plans(path)] == ["other"]
    assert names_in(path.parent) == ["link.toml", path.name]


def test_the_file_has_the_usual_permissions(path: Path, alone: HookPlan) -> None:
    write_plans((alone,), path)
    usual = path.with_name("usual")
    usual.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


@pytest.mark.parametrize("place", ["missing/plan.toml", ".", "file/plan.toml"])
def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path: Path, alone: HookPlan, place: str) -> None:
    (tmp_path / "file").touch()
    before = names_in(tmp_path)
    with pytest.raises(TargetError) as raised:
        write_plans((alone,), tmp_path / place)
    assert raised.value.slug == "plan-unwritable"
    assert names_in(tmp_path) == before


def test_a_failed_write_keeps_the_earlier_plan(path: Path, alone: HookPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    write_plans((alone,), path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MeterizeError, match="No space left"):
        write_plans((dataclasses.replace(alone, feature="other"),), path)
    assert read_plans(path) == (alone,)
    assert names_in(path.parent) == [path.name]
