"""What is done twice, cut off or misspelt: said in words, with what to do."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from tests.ledger.serving import Serving, command


def test_the_same_id_with_other_content_is_said(place, tmp_path: Path):
    head = "id,time,feature,uses,subject,package\n"
    file = tmp_path / "old.csv"
    for rows, recorded, differing in (
        ("1,2026-01-02T03:04:05Z,xlsx,3,ada,\n2,2026-01-02T03:04:05Z,pdf,,,\n", 2, 0),
        ("1,2026-01-02T03:04:05+00:00,xlsx,3,ada,\n", 0, 0),
        ("1,2026-01-02T03:04:05Z,xlsx,4,ada,\n", 0, 1),
        ("1,2026-01-02T03:04:05Z,xlsx,3,bob,\n2,2026-01-03T03:04:05Z,pdf,,,\n", 0, 2),
        ("3,2026-01-02T03:04:05Z,xlsx,4,ada,\n3,2026-01-02T03:04:05Z,xlsx,5,ada,\n", 1, 1),
    ):
        file.write_text(head + rows)
        done = command("import", str(file), "--source", "old", database=place, code=int(differing > 0))
        assert (done["recorded"], done["differing"]) == (recorded, differing)
    correct = ("correct", "old", "1", "--by", "support", "--id", "t7", "--uses", "-1")
    for why, after in (("a test", 2), ("a test", 2)):
        assert command(*correct, "--why", why, database=place)["after"] == after
    error = command(*correct, "--why", "another", database=place, code=2)["error"]
    assert (error["slug"], "other content, which stands" in error["message"]) == ("correction-refused", True)


def test_the_same_event_with_other_content_is_counted(place):
    source = command("token", "add", "--source", "web", database=place)["token"]
    server = Serving(place)
    for value in (1, 1, 2):
        event = {"specversion": "1.0", "id": "7", "source": "shop", "type": "pdf", "data": {"value": value}}
        assert server.post("/api/v1/events", event, source).status_code == 204
    metrics = server.client.get(server.url + "/metrics").text
    assert 'meterize_ledger_differing_total{path="events"} 1.0' in metrics
    server.end()


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_an_export_that_is_cut_off_is_said_to_be(place, tmp_path: Path, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    old = tmp_path / "old.csv"
    old.write_text("id,time,feature\n1,2026-01-02T03:04:05Z,größe\n2,2026-01-02T03:04:05Z,größe\n")
    command("import", str(old), "--source", "old", database=place)
    file, cut = tmp_path / f"all.{form}", tmp_path / f"cut.{form}"
    command("export", str(file), database=place)
    whole = file.read_bytes()
    in_a_letter = whole.index("ö".encode()) + 1
    for left in (len(whole) - 3, len(whole) - 30, in_a_letter) if form != "parquet" else (len(whole) - 30,):
        cut.write_bytes(whole[:left])
        error = command("prove", str(cut), code=2)["error"]
        assert error["slug"] == "export-unreadable"
        assert form == "parquet" or "is cut off" in error["message"], (left, error)
    if form != "parquet":  # a line's end alone takes nothing away
        cut.write_bytes(whole[:-1])
        assert command("prove", str(cut))["holds"]


def test_slips_are_answered_with_what_to_do(place, tmp_path: Path):
    missing = str(tmp_path / "nope.csv")
    for error in (
        command("prove", missing, code=2)["error"],
        command("import", missing, "--source", "old", database=place, code=2)["error"],
    ):
        assert error["message"] == f"{missing} cannot be read: No such file or directory"
    file = tmp_path / "bad.csv"
    for text, parts in (
        ("id;time;feature\n", ("lacks id, time, feature", "id;time;feature", "commas separate")),
        ("id,time,feature,price\n", ("no use for price", "uses, subject, package, origin may be")),
        ("id,time,feature\n1,22.11.2026,xlsx\n", ("row 1", "2026-11-22T09:00:00Z")),
    ):
        file.write_text(text)
        message = command("import", str(file), "--source", "old", database=place, code=2)["error"]["message"]
        assert all(part in message for part in parts), message
    with pytest.raises(click.BadParameter, match="'one' is not a valid integer\\."):
        command("correct", "web", "one", "--uses", "1", "--by", "a", "--why", "b", database=place)
