"""Slips on the command line, and what is said of them."""

from __future__ import annotations

import pytest

from meterize.cli.app import run


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (["analyse"], "Did you mean 'analyze'?"),
        (["status", "--python", "/usr/bin/python3"], "meterize --python PATH status"),
        (["analyze", "x", "--timeout", "soon"], "'soon' is not a valid number of seconds"),
        (["strip", "x", "--all"], "either a PACKAGE or --all"),
        (["strip"], "either a PACKAGE or --all"),
        (["usage", "--ledger"], "`meterize usage --help`"),
        (["ledger", "token", "add", "--source"], "`meterize ledger token add --help`"),
    ],
)
def test_what_was_meant_is_said(capsys, line, says) -> None:
    assert run(line) == 2
    assert says in capsys.readouterr().err.replace("\n", " ")


def test_a_package_for_a_plan(capsys, tmp_path, monkeypatch) -> None:
    (tmp_path / "shop.export.plan.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert run(["instrument", "shop"]) == 2
    said = capsys.readouterr().err
    assert "plan-not-found" in said
    assert "Did you mean shop.export.plan.toml?" in said
