"""The folders of an environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meterize.errors import TargetError
from meterize.pipeline.metering.strip import strip, strip_all
from meterize.pipeline.status import status
from meterize.pipeline.target import Target


def test_each_folder_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("one")
    (tmp_path / "archive.zip").touch()
    entries = ["one", "link", "nowhere", "archive.zip", "two", "one/../two", "one"]
    target = Target(search_path=[str(tmp_path / entry) for entry in entries])
    assert list(target.sites()) == [tmp_path / "one", tmp_path / "two"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o000)
    target = Target(search_path=[str(tmp_path / "closed"), str(tmp_path / "closed" / "inside")])
    assert list(target.sites()) == []


def test_an_empty_environment(tmp_path: Path) -> None:
    target = Target(search_path=[str(tmp_path)])
    assert status(None, target=target) == ()
    assert strip_all(target=target) == ()
    for act in (lambda: status("shop", target=target), lambda: strip("shop", target=target)):
        with pytest.raises(TargetError) as raised:
            act()
        assert raised.value.slug == "no-such-package"
    assert list(tmp_path.iterdir()) == []


def test_no_search_path_at_all() -> None:
    assert status(None, target=Target(search_path=[])) == ()


def test_by_default_it_is_the_environment_that_runs_this() -> None:
    target = Target()
    assert Path(pytest.__file__).parent.parent in list(target.sites())
