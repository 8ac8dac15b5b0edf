"""The environments of `make`: made once, made anew when what goes in changes, and loud when that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tools.demo.offline import pack_wheel
from tools.demo.snapshot import differences, take_snapshot

from tools import environments


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    return tmp_path / "an environment"


def test_made_once(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    python = environments.make_environment(folder, [], log=tmp_path / "log")
    assert subprocess.run(
        [python, "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True
    ).stdout.strip() == str(folder)
    assert "Making an environment" in capsys.readouterr().err
    marker = folder / "still here"
    marker.touch()
    assert environments.make_environment(folder, [], log=tmp_path / "log") == python
    assert marker.exists()
    assert capsys.readouterr().err == ""
    environments.make_environment(folder, [], log=tmp_path / "log", fingerprint="changed")
    assert not marker.exists()


def test_failure_shows_the_end_of_the_log_and_is_not_taken_for_made(folder: Path, tmp_path: Path) -> None:
    wrong = ["--no-index", "no-such-distribution-of-meterize"]
    with pytest.raises(environments.SetupError, match="No matching distribution found for no-such-distribution"):
        environments.make_environment(folder, wrong, log=tmp_path / "log")
    assert not (folder / ".made.json").exists()


def test_groups_include_groups() -> None:
    found = environments.dependency_group("dev")
    assert {"pytest", "ruff", "nox"} <= {need.split(">")[0] for need in found}


def test_misleading_variables_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("METERIZE_SUBJECT", "me")
    assert not {"PYTHONDONTWRITEBYTECODE", "METERIZE_SUBJECT"} & environments.clean_variables().keys()


def test_packed_wheel_installs_and_uninstalls_as_a_built_one(tmp_path: Path) -> None:
    """What pip checks (RECORD, tags, metadata) is right; what it installs runs, and it finds every file again."""
    sample = Path(__file__).resolve().parents[2] / "sample_apps" / "greenhouse"
    wheel = pack_wheel(sample, tmp_path / "wheels")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = next((tmp_path / "venv" / "lib").glob("python3*/site-packages"))
    bare = take_snapshot(site)
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-index", wheel], check=True, env=quiet)
    shown = subprocess.run(
        [tmp_path / "venv/bin/greenhouse", "climate", sample / "data/today.csv"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.startswith("23.7 °C")
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "-y", "greenhouse"], check=True, env=quiet)
    _changed, came, went = differences(bare, take_snapshot(site))
    assert [name for name in [*came, *went] if "greenhouse" in name] == []
