"""The spool is written by processes that may die in the middle of a line, and copied by people."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import pytest

from meterize.spool import LINE_LIMIT, UseTotal, default_spool, find_obstacle, read_uses

DAY = date(2025, 3, 1)


def use(first=0, last=1, *, subject="a", hook="d/f/1", source="urn:meterize:1", time="2025-03-01T10:00:00.000000Z", **data):
    event = {
        "specversion": "1.0",
        "type": "meterize.use",
        "source": source,
        "id": f"{hook}:{subject or ''}:{first}-{last}",
        "time": time,
        "data": {"feature": "f", "package": "d", "hook": hook, "value": last - first, **data},
    }
    if subject is not None:
        event["subject"] = subject
    return json.dumps(event) + "\n"


def total(uses, subject="a", day=DAY):
    return UseTotal(package="d", feature="f", subject=subject, day=day, uses=uses)


def write(folder: Path, *lines: str | bytes, name="1.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return path


def test_uses_add_up_by_feature_subject_and_day(tmp_path):
    write(tmp_path, use(0, 3), use(3, 4), use(0, 2, subject=None), use(4, 9, time="2025-03-02T00:00:00Z"))
    write(tmp_path, use(0, 10, source="urn:meterize:2"), use(0, 1, hook="d/f/2", source="urn:meterize:2"), name="2.jsonl")
    usage = read_uses(tmp_path)
    assert usage.totals == (total(2, None), total(15), total(5, day=date(2025, 3, 2)))
    assert usage.problems == ()


def test_a_day_is_a_day_in_utc(tmp_path):
    write(tmp_path, use(time="2025-03-01T23:30:00-02:00"))
    assert read_uses(tmp_path).totals == (total(1, day=date(2025, 3, 2)),)


def test_an_event_counts_once_in_however_many_files(tmp_path):
    write(tmp_path, use(0, 3), use(0, 3))
    write(tmp_path, use(0, 3), use(3, 5), name="1 (copy).jsonl")
    assert read_uses(tmp_path).totals == (total(5),)


def test_a_torn_last_line_is_not_counted_and_told(tmp_path):
    write(tmp_path, use(0, 3), use(3, 5)[:-20])
    usage = read_uses(tmp_path)
    assert usage.totals == (total(3),)
    assert usage.problems == ("1.jsonl: the last line is incomplete and not counted",)


def test_a_line_counts_only_with_its_end(tmp_path):
    """The writer offers such a line again: counted here, it would count twice."""
    write(tmp_path, use(0, 3), use(3, 5).rstrip("\n"))
    assert read_uses(tmp_path).totals == (total(3),)


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"null\n",
        b"[1]\n",
        b"\x00\x00\x00\n",
        b"\xff\xfe\n",
        b'{"type":"meterize.use"}\n',
        b"[" * 30_000 + b"\n",
        b'{"a":' + b"9" * 5000 + b"}\n",
        use(0, 5)[:-1].encode() + b' "torn"\n',
        use(value=0),
        use(value=-4),
        use(value=True),
        use(value=1.5),
        use(value="7"),
        use(value=1 << 70),
        use(time="yesterday"),
        use(time=1740823200),
        use(subject=7),
        use(feature=None),
        use().replace("meterize.use", "somebody.else"),
        use(0, 5).replace("{", "{" + " " * LINE_LIMIT, 1),
    ],
)
def test_a_bad_line_is_skipped_and_told(tmp_path, line):
    write(tmp_path, use(0, 3), line, use(3, 5))
    usage = read_uses(tmp_path)
    assert usage.totals == (total(5),)
    assert len(usage.problems) == 1
    assert usage.problems[0].startswith("1.jsonl: 1 line not counted (line 2: ")


def test_bad_lines_of_one_file_make_one_sentence(tmp_path):
    write(tmp_path, *["?\n"] * 1000)
    assert read_uses(tmp_path).problems == ("1.jsonl: 1000 lines not counted (line 1: not JSON)",)


def test_text_that_utf8_cannot_say_can_be_shown(tmp_path):
    write(tmp_path, use(subject="\udc80"))
    assert read_uses(tmp_path).totals == (total(1, "\\udc80"),)


def test_what_was_not_metered_is_told_apart(tmp_path):
    event = json.loads(use())
    event |= {
        "type": "meterize.lost",
        "id": "lost:1",
        "data": {"reason": "r", "package": "d", "feature": "", "hook": "", "value": 2},
    }
    write(tmp_path, json.dumps(event) + "\n", json.dumps(event) + "\n")
    usage = read_uses(tmp_path)
    assert usage.totals == ()
    assert [(loss.reason, loss.package, loss.count) for loss in usage.unmetered] == [("r", "d", 2)]


def test_only_regular_files_are_read(tmp_path):
    outside = write(tmp_path, use(), name="secret")
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "link.jsonl").symlink_to(outside)
    os.mkfifo(spool / "pipe.jsonl")
    (spool / "folder.jsonl").mkdir()
    write(spool, use(), name="notes.txt")
    usage = read_uses(spool)
    assert usage.totals == ()
    assert [problem.partition(":")[0] for problem in usage.problems] == ["folder.jsonl", "link.jsonl", "pipe.jsonl"]


def test_a_linked_folder_is_read(tmp_path):
    write(tmp_path, use())
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert read_uses(link).totals == (total(1),)


def test_no_folder_is_no_usage(tmp_path):
    assert read_uses(tmp_path / "none") == read_uses(tmp_path)
    assert read_uses(tmp_path / "none").problems == ()


def test_a_folder_that_is_none_is_told(tmp_path):
    path = write(tmp_path, use())
    assert len(read_uses(path).problems) == 1


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"METERIZE_SPOOL": "/var/spool/x", "XDG_STATE_HOME": "/state"}, "/var/spool/x"),
        ({"METERIZE_SPOOL": "", "XDG_STATE_HOME": "/state"}, "/state/meterize/spool"),
        ({"XDG_STATE_HOME": "relative"}, "{home}/.local/state/meterize/spool"),
        ({"METERIZE_SPOOL": "~/x"}, "{home}/x"),
        ({"METERIZE_SPOOL": "x/../y"}, "{here}/y"),
        ({}, "{home}/.local/state/meterize/spool"),
    ],
)
def test_where_the_spool_is(environ, expected):
    expected = expected.format(home=Path.home(), here=Path.cwd())
    assert default_spool(environ) == Path(expected)


def test_what_keeps_uses_from_being_written_down(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("nowhere")
    assert find_obstacle(tmp_path) == ""
    assert find_obstacle(tmp_path / "folders" / "to" / "be" / "made") == ""
    assert find_obstacle(tmp_path / "file") == "it is no folder"
    assert find_obstacle(tmp_path / "link") == "it is a link that leads nowhere"
    below = tmp_path / "file"
    assert find_obstacle(below / "spool") == f"it is not there and cannot be made: {below} is no folder"
