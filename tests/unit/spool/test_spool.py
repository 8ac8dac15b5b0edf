"""The spool is written by processes that may die at any moment, on disks that may be full, and copied by people."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spools import MADE, frame, hook, loss, subject, write

from meterize.spool import default_spool, find_obstacle, read_processes, read_uses
from meterize.spool.names_file import read_names

SMALL = {"rows": 4, "slots": 8, "banks": 2}
MEMBERS = ["slot", "row", "text", "id", "feature", "package", "policy", "reason", "hook", "count"]


def counted(folder):
    return {(one.package, one.feature, one.subject, one.host): one.uses for one in read_uses(folder).totals}


def test_uses_add_up_by_feature_subject_and_host(tmp_path):
    names = [hook(0), hook(1, id="d/f/2"), hook(64, id="d/g/1", feature="g"), subject(2, "a"), subject(3, "b")]
    write(tmp_path, {(0, 0): 1, (0, 2): 2, (1, 2): 3, (64, 3): 4}, names)
    write(tmp_path, {(0, 3): 10, (64, 3): 1}, names, incarnation="j")
    write(tmp_path, {(0, 3): 100}, names, incarnation="k", host="other")
    usage = read_uses(tmp_path)
    assert counted(tmp_path) == {
        ("d", "f", None, "h"): 1,
        ("d", "f", "a", "h"): 5,
        ("d", "f", "b", "h"): 10,
        ("d", "f", "b", "other"): 100,
        ("d", "g", "b", "h"): 5,
    }
    assert usage.problems == ()
    (last,) = (one for one in usage.totals if one.feature == "g")
    assert (last.processes, last.since) == (2, MADE)
    assert last.until > MADE


def test_the_default_row_may_have_a_name(tmp_path):
    write(tmp_path, {(0, 0): 1, (0, 1): 2}, [subject(0, "only"), hook(0), subject(1, "meterize:overflow")])
    assert counted(tmp_path) == {("d", "f", "only", "h"): 1, ("d", "f", "meterize:overflow", "h"): 2}


def test_what_has_no_name_is_told_with_its_number(tmp_path):
    write(tmp_path, {(0, 0): 1, (1, 0): 5, (0, 9): 7}, [hook(0)])
    assert counted(tmp_path) == {("d", "f", None, "h"): 1}
    assert read_uses(tmp_path).problems == ("i.uses: 12 uses have no name, and not counted",)


def test_a_number_that_cannot_be(tmp_path):
    write(tmp_path, {(0, 0): 1, (1, 0): 1 << 63}, [hook(0), hook(1)])
    assert counted(tmp_path) == {("d", "f", None, "h"): 1}
    assert read_uses(tmp_path).problems == ("i.uses: 1 cell holds a number that cannot be",)


def test_a_torn_last_frame_is_not_there_yet(tmp_path):
    _, names = write(tmp_path, {(0, 0): 1, (1, 0): 2}, [hook(0)])
    whole = names.read_bytes()
    more = frame(2, hook(1, id="d/g/1", feature="g"))
    for end in range(len(more)):
        names.write_bytes(whole + more[:end])
        assert counted(tmp_path) == {("d", "f", None, "h"): 1}
        assert len(read_uses(tmp_path).problems) == 1
    names.write_bytes(whole + more)
    assert len(counted(tmp_path)) == 2
    assert read_uses(tmp_path).problems == ()


def test_a_gap_and_a_bad_frame_are_told(tmp_path):
    _, names = write(tmp_path, {(0, 0): 1, (0, 2): 1, (0, 3): 1})
    bad = bytearray(frame(2, subject(2, "a")))
    bad[-3] ^= 1
    names.write_bytes(frame(1, hook(0)) + bad + frame(3, subject(3, "b")))
    assert counted(tmp_path) == {("d", "f", None, "h"): 1, ("d", "f", "b", "h"): 1}
    assert read_uses(tmp_path).problems == (
        "i.names: frames 2 to 2 are missing",
        "i.names: 1 frame is damaged",
        "i.uses: 1 use has no name, and not counted",
    )


def test_frames_that_were_written_twice_are_one(tmp_path):
    _, names = write(tmp_path, {(0, 0): 1})
    names.write_bytes(frame(1, hook(0)) + frame(2, loss("r", 1)) + frame(2, loss("r", 1)) + frame(3, loss("r", 3)))
    usage = read_uses(tmp_path)
    assert [(one.reason, one.package, one.count) for one in usage.unmetered] == [("r", "d", 3)]
    assert usage.problems == ()


def test_losses_add_up_over_processes_and_fall_to_nothing(tmp_path):
    write(tmp_path, {}, [loss("r", 1), loss("r", 5), loss("no-spool", 3), loss("no-spool", 0)])
    write(tmp_path, {}, [loss("r", 2)], incarnation="j", outside=9)
    found = {(one.reason, one.count) for one in read_uses(tmp_path).unmetered}
    assert found == {("r", 7), ("no-room", 9)}


def test_names_alone_tell_losses(tmp_path):
    uses, _ = write(tmp_path, {}, [hook(0), loss("no-spool", 4)])
    uses.unlink()
    assert [(one.reason, one.count) for one in read_uses(tmp_path).unmetered] == [("no-spool", 4)]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: data[:100], "ends within its header"),
        (lambda data: b"", "ends within its header"),
        (lambda data: b"x" + data[1:], "is no usage file"),
        (lambda data: data[:20] + b"x" + data[21:], "has a damaged header"),
        (lambda data: data[:248] + b"\1" + data[249:], "has a damaged header"),
    ],
)
def test_a_damaged_header(tmp_path, damage, told):
    uses, _ = write(tmp_path, {(0, 0): 41, (0, 2): 1}, [hook(0), subject(2, "a")], **SMALL)
    uses.write_bytes(damage(uses.read_bytes()))
    (problem,) = read_uses(tmp_path).problems
    assert told in problem
    assert "perhaps 42 uses" in problem or len(damage(b"x" * 5000)) < 4096
    assert counted(tmp_path) == {}


def test_another_version(tmp_path):
    write(tmp_path, {(0, 0): 41}, [hook(0)], version=3)
    (problem,) = read_uses(tmp_path).problems
    assert problem == "i.uses is of version 3 of the format, which this meterize does not know: not counted, perhaps 41 uses"


def test_a_spool_of_before(tmp_path):
    (tmp_path / "1.jsonl").write_text("{}\n")
    assert read_uses(tmp_path).problems == ("1.jsonl: written by hooks of an older version, and not counted",)
    for number in range(2, 9):
        (tmp_path / f"{number}.jsonl").write_text("{}\n")
    assert read_uses(tmp_path).problems == ("1.jsonl and 7 more: written by hooks of an older version, and not counted",)


def test_a_file_that_was_cut(tmp_path):
    write(tmp_path, {(0, 0): 1}, [hook(0)], size=4096 + 800)
    assert counted(tmp_path) == {("d", "f", None, "h"): 1}
    assert read_uses(tmp_path).problems == ("i.uses: somebody has cut off its end, counts may be missing",)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_is_damaged_is_a_sentence_and_no_crash(tmp_path_factory, data):
    """A byte, or what follows it, of either file; what is not damaged is still counted."""
    folder = tmp_path_factory.mktemp("spool")
    names = [hook(0), subject(2, "a"), hook(9, id="d/g/1", feature="g"), loss("r", 3), {"kind": "end"}]
    paths = write(folder, {(0, 0): 1, (0, 2): 2, (9, 2): 3}, names, **SMALL)
    sound = read_uses(folder)
    path = data.draw(st.sampled_from(paths))
    whole = path.read_bytes()
    used = [at for at, byte in enumerate(whole) if byte] if path.suffix == ".uses" else range(len(whole))
    at = data.draw(st.sampled_from(used) | st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "drop", "insert", "fill"]))
    flipped = whole[:at] + bytes((whole[at] ^ data.draw(st.integers(1, 255)),)) + whole[at + 1 :]
    rest = {"flip": flipped, "cut": whole[:at], "drop": whole[:at] + whole[at + 1 :], "fill": whole[:at] + b"\xff" * 40}
    path.write_bytes(rest.get(how, whole[:at] + data.draw(st.binary(min_size=1, max_size=9)) + whole[at:]))
    usage = read_uses(folder)
    if usage != sound and path.suffix == ".names":
        assert sum(one.uses for one in usage.totals) <= 6
    for problem in usage.problems:
        assert problem.startswith(("i.uses", "i.names"))
    (folder / "j.names").write_bytes(b"")
    write(folder, {(0, 0): 5}, [hook(0)], incarnation="k", **SMALL)
    assert sum(one.uses for one in read_uses(folder).totals) == sum(one.uses for one in usage.totals) + 5


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_any_bytes_are_names(data):
    read_names(data)
    read_names(frame(1, hook(0)) + data)


short = st.text(max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | short,
    lambda one: st.lists(one, max_size=2) | st.dictionaries(short, one, max_size=2),
    max_leaves=4,
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["hook", "subject", "loss", "end", "?"]), st.dictionaries(st.sampled_from(MEMBERS), json_values))
def test_any_payload_is_known_or_told(kind, members):
    names = read_names(frame(1, {"kind": kind, **members}))
    said = bool(names.hooks or names.subjects or names.losses or names.ended)
    assert said != bool(names.problems)


def test_text_that_utf8_cannot_say_can_be_shown(tmp_path):
    write(tmp_path, {(0, 2): 1}, [hook(0), subject(2, "\udc80")])
    assert list(counted(tmp_path)) == [("d", "f", "\\udc80", "h")]


def test_only_regular_files_are_read(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("secret")
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "link.uses").symlink_to(outside)
    os.mkfifo(spool / "pipe.names")
    (spool / "folder.uses").mkdir()
    (spool / "more.done").write_text("x")
    usage = read_uses(spool)
    assert usage.totals == ()
    assert [problem.partition(":")[0] for problem in usage.problems] == ["folder.uses", "link.uses", "pipe.names"]


def test_a_folder_that_cannot_be_read(tmp_path):
    (tmp_path / "file").write_text("")
    assert read_uses(tmp_path / "nowhere").totals == ()
    assert read_uses(tmp_path / "nowhere").problems == ()
    (problem,) = read_uses(tmp_path / "file").problems
    assert problem.startswith(str(tmp_path / "file"))


def test_many_extents_with_holes_between(tmp_path):
    """As the file systems keep what hooks write: a page here, a page there."""
    counts = {(0, row): row for row in range(2, 400)} | {(100, row): 2 * row for row in range(2, 10_000, 97)}
    rows = sorted({row for _, row in counts})
    write(tmp_path, counts, [hook(0), hook(100, id="d/g/1", feature="g"), *(subject(row, f"s{row}") for row in rows)])
    expected = {("d", "f" if number == 0 else "g", f"s{row}", "h"): count for (number, row), count in counts.items()}
    assert counted(tmp_path) == expected
    assert read_uses(tmp_path).problems == ()


def test_a_giant_of_a_file_is_read_by_what_is_in_it(tmp_path):
    """200,000 hooks for 10,000 subjects: 16 GB, all but nothing of it there."""
    write(tmp_path, {(199_999, 10_001): 3, (0, 0): 1}, [hook(199_999), hook(0), subject(10_001, "last")], banks=3125)
    assert counted(tmp_path) == {("d", "f", "last", "h"): 3, ("d", "f", None, "h"): 1}
    (process,), _ = read_processes(tmp_path)
    assert process.total(199_999) == 3


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"METERIZE_SPOOL": "/a/../b"}, "/b"),
        ({"XDG_STATE_HOME": "/x"}, "/x/meterize/spool"),
        ({"XDG_STATE_HOME": "x"}, str(Path("~/.local/state/meterize/spool").expanduser())),
    ],
)
def test_where_the_spool_is(environ, folder):
    assert str(default_spool(environ)) == folder


def test_what_keeps_uses_from_being_written_down(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    assert find_obstacle(tmp_path) == ""
    assert find_obstacle(tmp_path / "folders" / "to" / "be" / "made") == ""
    assert find_obstacle(tmp_path / "file") == "it is no folder"
    assert find_obstacle(tmp_path / "link") == "it is a link that leads nowhere"
    below = tmp_path / "file"
    assert find_obstacle(below / "spool") == f"it is not there and cannot be made: {below} is no folder"
