"""The search for an interpreter: which it takes, and what it says when there is none."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "cut", "sed", "env")

Search = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A PATH of its own, with a space in its name, that holds what the script itself needs and no Python."""
    path = tmp_path / "some programs"
    path.mkdir()
    for tool in TOOLS:
        found = next(Path(place, tool) for place in ("/usr/bin", "/bin") if Path(place, tool).exists())
        (path / tool).symlink_to(found)
    return path


@pytest.fixture
def search(folder: Path, tmp_path: Path) -> Search:
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        script = [folder / "sh", ROOT / "tools" / "newest_python.sh", *arguments]
        bare = {"PATH": str(folder), "HOME": str(tmp_path), **variables}
        return subprocess.run(script, env=bare, capture_output=True, text=True, check=False)

    return run


def put(path: Path, answer: str) -> Path:
    """A program that answers as an interpreter: VERSION MICRO STATE."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho "{answer} $0"\n')
    path.chmod(0o755)
    return path


def test_takes_a_real_interpreter(search: Search) -> None:
    found = search(PYTHON=sys.executable)
    assert (found.returncode, found.stderr) == (0, "")
    assert Path(found.stdout.strip()).samefile(sys.executable)


def test_takes_the_newest_supported(search: Search, folder: Path) -> None:
    put(folder / "python3.11", "3.11 4 ok")
    newest = put(folder / "python3.13", "3.13 0 ok")
    put(folder / "python3", "3.12 1 ok")
    assert search().stdout == f"{newest}\n"
    assert [line.split()[0] for line in search("--all").stdout.splitlines()] == ["3.13", "3.12", "3.11"]


def test_passes_over_what_cannot_be_used(search: Search, folder: Path) -> None:
    put(folder / "python3.13", "3.13 0 free-threaded")
    put(folder / "python3.12", "3.12 1 no-pip")
    (folder / "python3.11").write_text("#!/bin/sh\nexit 1\n")
    (folder / "python3.11").chmod(0o755)
    plain = put(folder / "python3", "3.11 9 ok")
    assert search().stdout == f"{plain}\n"


def test_finds_the_newest_patch_among_pyenvs_versions(search: Search, tmp_path: Path) -> None:
    versions = tmp_path / "my pyenv" / "versions"
    put(versions / "3.12.9" / "bin" / "python", "3.12 9 ok")
    newest = put(versions / "3.12.10" / "bin" / "python", "3.12 10 ok")
    put(versions / "3.15.0" / "bin" / "python", "3.15 0 ok")
    assert search(PYENV_ROOT=str(versions.parent)).stdout == f"{newest}\n"


def test_what_was_fetched_is_one_of_all_and_nobodys_default(search: Search, folder: Path, tmp_path: Path) -> None:
    """What was fetched is taken only if nothing about it has changed."""
    for tool in ("sha256sum", "mkdir", "uname"):
        (folder / tool).symlink_to(next(Path(place, tool) for place in ("/usr/bin", "/bin") if Path(place, tool).exists()))
    place = tmp_path / "cache" / "meterize-tools" / "python3.14"
    fetched = put(place / "usr" / "bin" / "python3.14", "3.14 0 ok")
    digest = hashlib.sha256(fetched.read_bytes()).hexdigest()
    (place / "SHA256SUMS").write_text(f"{digest}  usr/bin/python3.14\n")
    plain = put(folder / "python3", "3.11 9 ok")
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert search(**cache).stdout == f"{plain}\n"
    assert search("--all", **cache).stdout == f"3.14 {fetched}\n3.11 {plain}\n"
    put(fetched, "3.14 1 ok")
    assert search("--all", **cache).stdout == f"3.11 {plain}\n"


def test_overruled(search: Search, folder: Path) -> None:
    put(folder / "python3.13", "3.13 0 ok")
    chosen = put(folder / "mine", "3.11 4 ok")
    assert search(PYTHON=str(chosen)).stdout == f"{chosen}\n"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("3.9 18 ok", "is Python 3.9; meterize runs on CPython 3.14 3.13 3.12 3.11"),
        ("3.13 0 no-cpython", "meterize runs on CPython"),
        ("3.13 0 no-pip", "has neither pip nor ensurepip"),
        ("3.14 0 free-threaded", "has no GIL"),
    ],
)
def test_overruled_by_what_cannot_be_used(search: Search, folder: Path, answer: str, complaint: str) -> None:
    chosen = put(folder / "mine", answer)
    found = search(PYTHON=str(chosen))
    assert (found.returncode, found.stdout) == (1, "")
    assert complaint in found.stderr


def test_overruled_by_what_does_not_run(search: Search) -> None:
    found = search(PYTHON="/nowhere/python")
    assert (found.returncode, found.stderr) == (1, "PYTHON=/nowhere/python does not run.\n")


def test_none_found(search: Search, folder: Path) -> None:
    put(folder / "python3", "3.9 18 ok")
    found = search()
    assert (found.returncode, found.stdout) == (1, "")
    assert "No usable Python found" in found.stderr
    assert "python3 here is 3.9\n" in found.stderr
