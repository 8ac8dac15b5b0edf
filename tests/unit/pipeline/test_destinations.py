"""Where a file may be put without losing anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meterize.errors import UsageError
from meterize.model.own_files import DATA_BEGINS, PLAN_BEGINS
from meterize.pipeline.destinations import require_place, require_two_places
from meterize.plan_file.writing import _HEADING


def refused(path: Path, begins: bytes = PLAN_BEGINS) -> str:
    with pytest.raises(UsageError) as raised:
        require_place(path, "--plan", begins=begins)
    assert raised.value.slug == "no-place-for-file"
    assert "--plan" in raised.value.hint
    return raised.value.message


def test_a_new_file_and_one_of_its_own_kind(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    assert require_place(path, "--plan", begins=PLAN_BEGINS) is False
    path.touch()
    assert require_place(path, "--plan", begins=PLAN_BEGINS) is True
    path.write_text(_HEADING)
    assert require_place(path, "--plan", begins=PLAN_BEGINS) is True


def test_a_data_file_of_coverage_is_known_by_its_beginning(tmp_path: Path) -> None:
    from coverage import CoverageData

    path = tmp_path / "data"
    data = CoverageData(basename=str(path))
    data.add_lines({"x.py": [1]})
    data.close()
    assert require_place(path, "--data", begins=DATA_BEGINS) is True
    assert "another kind" in refused(path)


@pytest.mark.parametrize("content", [b"x", b"# A plan of mine\n", b"\0" * 100, b"# A plan of meteriz"])
def test_what_would_be_lost(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    assert "would be lost" in refused(path)


def test_no_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    assert "No such file or directory" in refused(tmp_path / "nowhere" / "p.toml")
    assert "no regular file" in refused(tmp_path)
    assert "no regular file" in refused(tmp_path / "pipe")
    assert "no regular file" in refused(Path(os.devnull))
    assert "too long" in refused(tmp_path / ("x" * 300))
    assert refused(tmp_path / "file" / "p.toml")
    assert refused(tmp_path / "circle")


def test_links_lead_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    assert require_place(tmp_path / "link", "--plan", begins=PLAN_BEGINS) is False
    (tmp_path / "target").write_text("precious")
    assert "would be lost" in refused(tmp_path / "link")
    (tmp_path / "astray").symlink_to("nowhere/p.toml")
    assert refused(tmp_path / "astray")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_right_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    assert "may not write" in refused(tmp_path / "p.toml")


def test_two_names_of_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("p")
    require_two_places(Path("p"), Path("q"))
    for other in ("./p", str(tmp_path / "p"), "link"):
        with pytest.raises(UsageError, match="same file"):
            require_two_places(Path("p"), Path(other))
