"""An error on a screen: whole in JSON, cut to what fits for people, and never dangerous to look at."""

from __future__ import annotations

import errno
import json

import click
import pytest

from meterize.cli.failure import answer
from meterize.errors import MeterizeError, NothingFound, TargetError, TestsError, UsageError


def make(message: str = "what was wrong", hint: str = "do this", details: tuple[str, ...] = ()) -> TargetError:
    return TargetError(message, slug="a-slug", hint=hint, details=details)


def shown(error: Exception, capsys: pytest.CaptureFixture[str]) -> str:
    answer(error, as_json=False)
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_what_where_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(make(details=("one", "two")), capsys) == "error (a-slug): what was wrong\none\ntwo\n\ndo this\n"


@pytest.mark.parametrize("line", ["short", "x" * 70, "y" * 73, "z" * 500, "", "wide ⚙" * 60])
def test_any_number_of_details_fits_a_screen(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    for count in (1, 9, 10, 11, 40, 1000):
        text = shown(make("m" * 3000, "h" * 3000, tuple(f"{number} {line}" for number in range(count))), capsys)
        rows = sum(1 + max(0, len(each) - 1) // 80 for each in text.splitlines())
        assert rows <= 24, text
        assert f"{count - 1} {line}"[:60] in text, "the end is what tells most"
        if count == 1000:
            assert "lines before these (--json shows all)" in text


def test_the_number_of_lines_left_out_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(make(details=tuple(f"line {number}" for number in range(100))), capsys).splitlines()[1:-2]
    [left_out] = [line for line in lines if line.startswith("…")]
    assert int(left_out.split()[1]) + len(lines) - 1 == 100


def test_a_long_message_keeps_both_its_ends(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(make(f"begin {'x' * 5000} end"), capsys)
    assert "begin x" in text
    assert "x end\n" in text
    assert " … " in text


def test_terminal_codes_are_taken_out_and_markup_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "\x1b[31mred\x1b[0m \x1b]0;title\x07[bold]not bold[/]\x08\x00\r\n\ttab \\[x]"
    text = shown(make(nasty, details=(nasty,)), capsys)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "red [bold]not bold[/]" in text
    assert "\\[x]" in text


def test_json_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    details = tuple(f"\x1b[31m{number}" for number in range(1000))
    assert answer(make("m" * 3000, details=details), as_json=True) == 4
    out, err = capsys.readouterr()
    assert err == ""
    error = json.loads(out)["error"]
    assert (len(error["message"]), tuple(error["details"]), error["slug"], error["hint"]) == (
        3000,
        details,
        "a-slug",
        "do this",
    )


@pytest.mark.parametrize(("kind", "code"), [(NothingFound, 1), (UsageError, 2), (TestsError, 3), (TargetError, 4)])
def test_exit_codes(kind: type[MeterizeError], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(kind("m", slug="a-slug", hint="h"), as_json=False) == code


def test_clicks_own_errors(capsys: pytest.CaptureFixture[str]) -> None:
    command = click.Command("strip")
    context = click.Context(command, info_name="strip", parent=click.Context(click.Group("meterize"), info_name="meterize"))
    assert answer(click.UsageError("no such option", ctx=context), as_json=False) == 2
    assert "`meterize strip --help` shows" in capsys.readouterr().err
    assert answer(click.Abort(), as_json=False) == 130
    assert "Interrupted" in capsys.readouterr().err
    assert answer(click.exceptions.Exit(7), as_json=False) == 7


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_defect(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(OSError(number, "full", "/some/where"), as_json=False) == 4
    assert capsys.readouterr().err.startswith("error (disk-full): the disk is full: /some/where\n")


def test_a_defect_leaves_a_report(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert answer(KeyError("ours\udcff"), as_json=False) == 70
    [report] = tmp_path.iterdir()
    assert "KeyError" in report.read_text()
    assert report.name in capsys.readouterr().err


def test_a_defect_where_no_report_can_be_written(
    tmp_path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="deep") as raised:
        raise ValueError("deep")
    assert answer(raised.value, as_json=False) == 70
    assert "raise ValueError" in capsys.readouterr().err
