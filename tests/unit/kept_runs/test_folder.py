"""The folder of kept runs: private, bounded, and never in the way."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from meterize.kept_runs import KeptRuns, kept_runs_folder
from meterize.model.coverage import CoverageRecord

RECORD = CoverageRecord(command="c", tests=(), outside={}, exit_code=0, seconds=1.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "meterize" / "runs"


def test_what_is_kept_is_found_and_is_private(folder: Path) -> None:
    kept = KeptRuns(folder)
    assert kept.find("a") is None
    kept.keep("a", RECORD)
    found = kept.find("a")
    assert found is not None
    assert found.record == RECORD
    assert kept.find("b") is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert found.at == file.stat().st_mtime


def test_a_damaged_run_is_taken_away(folder: Path) -> None:
    kept = KeptRuns(folder)
    kept.keep("a", RECORD)
    (folder / "a.run").write_bytes(b"\x80\x04.")
    assert kept.find("a") is None
    assert list(folder.iterdir()) == []


def test_the_oldest_go_first(folder: Path) -> None:
    kept = KeptRuns(folder, room=1000)
    for number in range(20):
        kept.keep(f"{number:02}", RECORD)
        os.utime(folder / f"{number:02}.run", (number, number))
    left = sorted(path.name for path in folder.iterdir())
    assert left[-1] == "19.run"
    assert left == [f"{number:02}.run" for number in range(20 - len(left), 20)]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 1000


def test_what_a_killed_process_left_is_evicted_too(folder: Path) -> None:
    kept = KeptRuns(folder, room=1000)
    kept.keep("a", RECORD)
    (folder / ".new-x").write_bytes(bytes(990))
    os.utime(folder / ".new-x", (1, 1))
    kept.keep("b", RECORD)
    assert sorted(path.name for path in folder.iterdir()) == ["a.run", "b.run"]


def test_a_run_too_large_for_the_room_is_not_kept(folder: Path) -> None:
    KeptRuns(folder, room=10).keep("a", RECORD)
    assert not folder.exists()


def test_a_folder_that_others_can_write_to_is_not_believed(folder: Path) -> None:
    kept = KeptRuns(folder)
    kept.keep("a", RECORD)
    folder.chmod(0o777)
    assert kept.find("a") is None
    kept.keep("b", RECORD)
    assert [path.name for path in folder.iterdir()] == ["a.run"]


def test_a_link_is_not_believed(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    KeptRuns(elsewhere).keep("a", RECORD)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(elsewhere)
    assert KeptRuns(folder).find("a") is None


def test_no_place_is_no_error() -> None:
    nowhere = KeptRuns(Path("/dev/null/runs"))
    nowhere.keep("a", RECORD)
    assert nowhere.find("a") is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, Path("/c/meterize/runs")),
        ({"XDG_CACHE_HOME": "c", "HOME": "/h"}, Path("/h/.cache/meterize/runs")),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, Path("/h/.cache/meterize/runs")),
        ({"HOME": "h"}, None),
        ({}, None),
    ],
)
def test_where_it_is(variables: dict[str, str], expected: Path | None) -> None:
    assert kept_runs_folder(variables) == expected
