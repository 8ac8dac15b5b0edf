"""Which interpreter a command line names, and what it is lent."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meterize.cli import output
from meterize.cli.elsewhere import LENT, asked_for, find_interpreter, lent_paths, without_python
from meterize.errors import TargetError


@pytest.mark.parametrize(
    ("arguments", "python", "rest"),
    [
        (["--python", "x", "status"], "x", ["status"]),
        (["--python=x", "status", "--json"], "x", ["status", "--json"]),
        (["--python", "x", "--python", "y", "status"], "x", ["--python", "y", "status"]),
        (["--python", "--json", "status"], "--json", ["status"]),
        (["status"], None, ["status"]),
        (["--python", "x"], None, []),
        (["--python"], None, []),
        (["--python="], None, []),
        ([], None, []),
        (["--version", "--python", "x", "status"], None, ["--version", "status"]),
    ],
)
def test_the_option_is_found_and_taken_out(arguments: list[str], python: str | None, rest: list[str]) -> None:
    assert asked_for(arguments) == (None if python is None else Path(python))
    assert without_python(arguments) == rest


def test_a_folder_and_its_interpreter_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert find_interpreter(tmp_path) == find_interpreter(tmp_path / "bin" / "python") == tmp_path / "bin" / "python"


def test_a_relative_path_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    assert find_interpreter(Path("python")) == tmp_path / "python"


@pytest.mark.parametrize(
    ("answer", "slug"),
    [
        ("exit 1", "no-interpreter"),
        ("echo", "no-interpreter"),
        ("echo cpython 3", "no-interpreter"),
        ("echo cpython three eleven", "no-interpreter"),
        ("echo cpython 3 10", "interpreter-unsupported"),
        ("echo graalpy 3 11", "interpreter-unsupported"),
    ],
)
def test_programs_that_are_no_interpreter_for_us(tmp_path: Path, answer: str, slug: str) -> None:
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\n{answer}\n")
    script.chmod(0o755)
    with pytest.raises(TargetError) as raised:
        find_interpreter(script)
    assert raised.value.slug == slug
    assert str(script) in raised.value.message


def test_what_cannot_be_reached_is_no_interpreter() -> None:
    with pytest.raises(TargetError) as raised:
        find_interpreter(Path("/" + 300 * "x"))
    assert raised.value.slug == "no-interpreter"


def test_commands_in_messages_have_the_python_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "Run `meterize strip x`, then `meterize usage`, or meterize instrument y (meterize_hooks)."
    assert output.as_typed(text) == text
    monkeypatch.setattr(output, "_given_python", "/my env")
    assert output.as_typed(text) == (
        "Run `meterize --python '/my env' strip x`, then `meterize usage`, or "
        "meterize --python '/my env' instrument y (meterize_hooks)."
    )


def test_a_bare_interpreter_can_import_all_that_is_lent() -> None:
    modules = "meterize.cli.app, meterize.pipeline.analysis.analyze, coverage"
    program = f"import sys, json; sys.path[:0] = json.loads(sys.argv[1]); import {modules}"
    done = subprocess.run(
        [find_interpreter(Path(sys.executable)), "-S", "-c", program, json.dumps(lent_paths())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_each_folder_is_lent_once() -> None:
    paths = lent_paths()
    assert len(set(paths)) == len(paths) <= len(LENT)
    assert all(Path(path).is_dir() for path in paths)
