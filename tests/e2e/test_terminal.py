"""What stands where: results on stdout, everything else on stderr, nothing in pipes that nobody asked for; exit codes."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meterize.cli.app import COMMANDS

CONTROL = "\x1b"


def shell(lab, line, **variables):
    """A line of bash in which `meterize` is the command line on the test's environment."""
    start = " ".join(f"'{word}'" for word in lab.command())
    done = subprocess.run(
        ["/bin/bash", "-c", f'set -o pipefail; meterize() {{ {start} "$@"; }}; {line}'],
        cwd=lab.work, env=lab.environment(**variables), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done
    assert "Exception ignored" not in done.stderr, done
    return done


def on_terminal(lab, *arguments, stdout_is_terminal=True, answer=b"", columns=80):
    """Run a command whose stderr (and stdout) is a terminal: exit code, what the terminal saw, what a piped stdout got."""
    control, terminal = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        lab.command(*arguments), cwd=lab.work, env=lab.environment(TERM="xterm-256color"), stdin=terminal, stderr=terminal,
        stdout=terminal if stdout_is_terminal else subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    if answer:
        os.write(control, answer)
    seen = b""
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        if select.select([control], [], [], 0.2)[0]:
            try:
                part = os.read(control, 1 << 16)
            except OSError:  # the last holder of the terminal has gone
                break
            seen += part
    os.close(control)
    out = process.stdout.read().decode() if process.stdout else ""
    return process.wait(timeout=10), seen.decode(), out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(quick, command):
    ran = quick(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"Usage: meterize {command}" in ran.out
    example = ran.out.partition("Example:")[2].strip().splitlines()[0]
    assert f"meterize {command}" in example
    assert "--json" in ran.out or command in ("completion", "schema"), "a script for the shell, and JSON anyway"
    assert max(map(len, ran.out.splitlines())) <= 110


def test_help_of_the_whole(lab):
    ran = lab.meterize("--help")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.partition("Commands:")[2].strip().splitlines()] == list(COMMANDS)
    assert all(code in ran.out for code in ("0 ok", "1 findings", "2 usage", "3 your tests", "4 target", "70", "130"))
    nothing = lab.meterize()
    assert (nothing.code, nothing.out) == (2, "")
    assert "Commands:" in nothing.err


def test_examples_are_real(quick):
    """Each example parses: it fails for what is not there, never for how it is written."""
    import shlex

    for command in COMMANDS:
        text = quick(command, "--help").out.partition("Example:")[2].partition("\n\n")[0].replace("\\\n", " ")
        [line, *_] = text.strip().split("\n\n")
        words = shlex.split(line.removeprefix('eval "$(').removesuffix(')"').partition(" > ")[0])
        assert words[0] == "meterize"
        ran = quick(*words[1:])
        assert "error (usage)" not in ran.err, ran


def test_results_on_stdout_and_the_rest_on_stderr(lab, plan):
    analyzed = lab.analyze("irrigation")
    assert "Hook points" in analyzed.out
    assert "Review it" in analyzed.err
    assert "Review it" not in analyzed.out
    for ran in (analyzed, lab.meterize("instrument", plan()), lab.meterize("status"), lab.meterize("strip", "greenhouse")):
        assert ran.code == 0, ran
        assert ran.out
        assert CONTROL not in ran.out + ran.err, "a pipe gets plain text"
        assert len(ran.err.splitlines()) <= 1, "and no progress"
        assert max(map(len, ran.out.splitlines())) <= 150


def test_exit_codes(quick, lab, plan):
    analyze = ["analyze", "greenhouse", "--feature", "x", "--cwd", lab.suite]
    assert quick("status").code == 0
    (lab.work / "same.py").write_text("import greenhouse; greenhouse.parse_readings(['bed'])")
    (lab.work / "other.py").write_text("import greenhouse; greenhouse.parse_readings(['bed'])")
    nothing = quick(*analyze, "--with", "python same.py", "--without", "python other.py", "--cwd", lab.work)
    lab.refused(nothing, 1, "nothing-unique")
    lab.refused(quick("frobnicate"), 2, "usage")
    lab.refused(quick("strip"), 2, "usage", "--all")
    lab.refused(quick("strip", "greenhouse", "--all"), 2, "usage")
    lab.refused(quick("instrument"), 2, "usage", "meterize instrument --help")
    lab.refused(quick(*analyze, "--with", "exit 7", "--without", "exit 7"), 3, "suite-failed", "7")
    lab.refused(quick("strip", "greenhouse"), 4, "not-metered")
    quick("instrument", plan(), "--policy", "every")
    (lab.site / "greenhouse" / "irrigation.py").touch()
    assert quick("status").code == 0, "a touched source that says the same is no finding"


def test_a_defect_is_reported_as_one(workshop, tmp_path, clean_variables, run):
    broken = (
        "import meterize.cli, meterize.cli.usage as command\n"
        "def bad(*_): raise ZeroDivisionError('what\\x1b[31m')\n"
        "command.read = bad\nmeterize.cli.main()"
    )
    variables = clean_variables(TMPDIR=str(tmp_path))
    ran = run([sys.executable, "-c", broken, "usage"], cwd=tmp_path, variables=variables)
    assert (ran.code, ran.out) == (70, ""), ran
    assert "ZeroDivisionError: what" in ran.err
    assert "Traceback" not in ran.err
    assert CONTROL not in ran.err
    [report] = tmp_path.glob("meterize-defect-*.txt")
    assert str(report) in ran.err.replace("\n", "")
    assert "Traceback" in report.read_text()
    assert "['usage']" in report.read_text()
    report.unlink()
    as_json = run([sys.executable, "-c", broken, "usage", "--json"], cwd=tmp_path, variables=variables)
    assert as_json.code == 70
    assert as_json.json()["error"]["slug"] == "internal"


def test_completion_scripts(quick, lab):
    for name in ("bash", "zsh", "fish"):
        ran = quick("completion", name)
        assert (ran.code, ran.err) == (0, ""), ran
        assert "_METERIZE_COMPLETE" in ran.out
        script = lab.work / f"completion.{name}"
        script.write_text(ran.out)
        if name == "bash" or shutil.which(name):
            checked = subprocess.run([name, "-n", script], capture_output=True, text=True, check=False)
            assert (checked.returncode, checked.stderr) == (0, ""), name
    lab.refused(quick("completion", "tcsh"), 2, "usage", "bash")


@pytest.fixture
def complete(lab, clean_variables, run):
    """What bash is offered for the last word."""

    def ask(*words, kinds=False):
        variables = clean_variables(
            _METERIZE_COMPLETE="bash_complete", COMP_WORDS=" ".join(words), COMP_CWORD=str(len(words) - 1)
        )
        ran = run([sys.executable, "-m", "meterize"], cwd=lab.work, variables=variables)
        assert ran.code == 0, ran
        return {line if kinds else line.partition(",")[2] for line in ran.out.splitlines() if line}

    return ask


def test_bash_completes_commands_and_packages(complete, lab, metered):
    assert complete("meterize", "st") == {"status", "strip"}
    assert "click" in complete("meterize", "analyze", "cli")
    assert complete("meterize", "strip", "") == set(), "nothing is metered here"
    assert complete("meterize", "--python", str(lab.venv), "strip", "") == {"greenhouse"}
    assert complete("meterize", f"--python={lab.venv}", "status", "Green") == {"greenhouse"}
    assert complete("meterize", "--python", "/no/such/python", "strip", "'") == set()


def test_bash_completes_plans(lab, complete, plan):
    (lab.work / "pyproject.toml").write_text("")
    (lab.work / "notes.txt").write_text("")
    for folder in ("plans", ".git", "more plans"):
        (lab.work / folder).mkdir()
    assert complete("meterize", "instrument", "py") == {"pyproject.toml"}, "no other TOML file begins so"
    plan("irrigation", name="plans/water.plan.toml")
    plan("irrigation")
    for command in ("instrument", "verify"):
        assert complete("meterize", command, "") == {"irrigation.plan.toml", "plans/", "more plans/"}
        assert complete("meterize", command, "plans/") == {"plans/water.plan.toml"}
        assert complete("meterize", command, "pl", kinds=True) == {"dir,pl"}, "the shell completes folders, and goes on in them"
        assert complete("meterize", command, "nowhere/x", kinds=True) == {"dir,nowhere/x"}


@pytest.mark.parametrize(
    "line", ["meterize status >/dev/full", "meterize status --json >/dev/full", "meterize --help >/dev/full"]
)
def test_a_full_stdout(lab, line):
    done = shell(lab, line)
    assert done.returncode == 4, done
    assert "the disk is full" in done.stderr


@pytest.mark.parametrize(
    "line", ["meterize status | true", "meterize status --json | head -n 1", "meterize analyze --help | true"]
)
def test_a_reader_that_goes_away(lab, line):
    done = shell(lab, line)
    assert (done.returncode, done.stderr) == (0, ""), done


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(lab, closing):
    assert shell(lab, f"meterize status {closing}").returncode == 0
    assert shell(lab, f"meterize strip nothing {closing}").returncode == 4


def test_a_terminal_that_knows_only_ascii(lab, plan):
    for locale in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        name = "bärnstein ⚙"
        ran = lab.meterize("analyze", name, "--feature", "x", "--with", "true", "--without", "true", **locale)
        lab.refused(ran, 4, "no-such-package")
        answer = lab.ask("strip", name, code=4, **locale)
        assert answer["error"]["slug"] == "no-such-package"
    shown = lab.analyze("irrigation", PYTHONIOENCODING="ascii")
    assert shown.code == 0, shown
    assert shown.out.isascii()
    assert "needs = []" in shown.out


def test_bytes_that_are_no_text(lab):
    for option in ("--json", "--feature=x"):
        words = [*lab.command("analyze"), b"green\xffhouse", option, "--with", "true", "--without", "true", "--feature", "x"]
        done = subprocess.run(words, cwd=lab.work, env=lab.environment(), capture_output=True, check=False, timeout=60)
        assert done.returncode == 4, done
        assert b"Traceback" not in done.stderr
        assert b"no-such-package" in done.stdout + done.stderr


def test_on_a_terminal_errors_are_framed_and_fit(lab):
    code, seen, _ = on_terminal(lab, "analyze", "grenhouse", "--feature", "x", "--with", "true", "--without", "true")
    assert code == 4
    assert CONTROL in seen
    assert "Did you mean greenhouse?" in seen
    assert len(seen.splitlines()) <= 24


def test_progress_on_a_terminal_leaves_stdout_alone(lab):
    commands = ["--with", "python -m unittest test_irrigation", "--without", "python -m unittest test_climate test_readings"]
    code, seen, out = on_terminal(
        lab, "analyze", "greenhouse", "--feature", "x", "--cwd", lab.suite, *commands, stdout_is_terminal=False
    )
    assert code == 0, seen
    assert "without: " in seen
    assert "with: " in seen
    assert "Review it" in seen
    assert CONTROL not in out
    assert "Hook points" in out


@pytest.mark.parametrize(("answer", "moved"), [(b"y\n", 2), (b"\n", 2), (b"n\n", 0)], ids=["yes", "enter", "no"])
def test_on_a_terminal_it_asks_before_it_moves_tests(lab, of_rest, answer, moved):
    test = "test_irrigation.IrrigationTest.test_"
    names = ["a_thirsty_day_takes_more", "driest_first", "only_the_latest_reading_counts", "own_target"]
    commands = [
        "--with", f"python -m unittest {' '.join(test + name for name in names)}",
        "--without", f"{of_rest('irrigation')} {test}tank_runs_out {test}wet_beds_get_nothing",
    ]  # fmt: skip
    plan = lab.work / "p.toml"
    code, seen, out = on_terminal(
        lab, "analyze", "greenhouse", "--feature", "x", "--cwd", lab.suite, "--plan", plan, *commands,
        stdout_is_terminal=False, answer=answer,
    )  # fmt: skip
    assert "Sort these tests by what they execute? [Y/n]" in seen
    assert "tank_runs_out" in seen
    assert "Sort these" not in out
    assert code == (0 if moved else code)
    if code == 0:
        text = plan.read_text()
        assert text.partition("moved_to_feature = [")[2].partition("]")[0].count("test_irrigation") == moved


@pytest.mark.parametrize("given", ["folder", "interpreter", "link"])
def test_python_names_an_environment(lab, given):
    link = lab.root / "my link"
    link.symlink_to(lab.venv)
    python = {"folder": lab.venv, "interpreter": lab.python, "link": link}[given]
    words = [*lab.command(python=python), "analyze", "grenhouse", "--feature", "x", "--with", "true", "--without", "true"]
    done = subprocess.run(words, cwd=lab.work, env=lab.environment(), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4
    assert "Did you mean greenhouse?" in done.stderr


@pytest.mark.parametrize("given", ["/no/such/python", "/etc/hostname", "/bin/true", "{empty}", "{deaf}", "{old}", "{other}"])
def test_python_that_is_none(lab, given):
    for name, text in {
        "deaf": "#!/bin/sh\nexit 3\n", "old": "#!/bin/sh\necho cpython 3 6\n", "other": "#!/bin/sh\necho pypy 3 11\n"
    }.items():  # fmt: skip
        (lab.root / name).write_text(text)
        (lab.root / name).chmod(0o755)
    (lab.root / "empty").mkdir()
    python = Path(
        given.format(empty=lab.root / "empty", deaf=lab.root / "deaf", old=lab.root / "old", other=lab.root / "other")
    )
    words = [*lab.command(python=python), "status"]
    done = subprocess.run(words, cwd=lab.work, env=lab.environment(), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4, done
    slug = "interpreter-unsupported" if given in ("{old}", "{other}") else "no-interpreter"
    assert done.stderr.startswith(f"error ({slug})")
    assert str(python) in done.stderr


def test_commands_that_are_advised_name_the_python_that_was_given(lab, run):
    ran = run([*lab.command("strip", "greenhouse")], cwd=lab.work, variables=lab.environment())
    assert ran.code == 4, ran
    assert f"meterize --python {lab.venv} status" in ran.err


@pytest.mark.parametrize("command", ["usage", "hooks"])
def test_a_spool_that_cannot_be_read_is_no_empty_one(quick, lab, command):
    lab.refused(quick(command, METERIZE_SPOOL="/dev/null"), 4, "spool-unreadable", "/dev/null")


def test_python_option_without_a_value_or_command(lab, run):
    for words in (["--python"], ["--python="], ["--python", str(lab.venv)]):
        ran = run([sys.executable, "-m", "meterize", *words], cwd=lab.work, variables=lab.environment())
        assert ran.code in (2, 4), ran
        assert "Traceback" not in ran.err


def test_another_version_of_python(lab, workshop, tmp_path, run, clean_variables, install):
    """The tool under one interpreter, the target under another."""
    own = "{}.{}".format(*sys.version_info)
    pyenv = Path.home() / ".pyenv" / "versions"
    candidates = [
        path
        for version in ("3.11", "3.12", "3.13", "3.14")
        if version != own
        for path in [*sorted(pyenv.glob(f"{version}.*/bin/python")), *filter(None, [shutil.which(f"python{version}")])]
    ]
    for python in map(Path, candidates):
        other = tmp_path / "other"
        made = run([python, "-m", "venv", "--without-pip", other], cwd=tmp_path, variables=clean_variables())
        if made.code == 0:
            break
    else:
        pytest.skip("no other supported CPython on this machine")
    site = next(other.glob("lib/python3.*/site-packages"))
    sources = {f"greenhouse/{path.name}": path.read_text() for path in (lab.site / "greenhouse").glob("*.py")}
    install(site, sources, name="greenhouse", version="1.0.0")
    shutil.rmtree(lab.venv)
    other.rename(lab.venv)
    plan = lab.work / "greenhouse.forecast.plan.toml"
    ran = lab.analyze("forecast")
    assert ran.code == 0, ran
    assert f'interpreter = "cpython-{site.parent.name.removeprefix("python").replace(".", "")}"' in plan.read_text()
    lab.instrument(plan, "--policy", "every")
    assert lab.ask("verify", plan)["verdict"] == "passed"
    lab.use(
        "from greenhouse import Reading, forecast\n"
        "list(forecast([Reading(bed='b', hour=h, air=20, humidity=8, moisture=4) for h in (8, 9)]))",
        METERIZE_SUBJECT="x",
    )
    assert [use["uses"] for use in lab.ask("usage")["uses"]] == [1]
    [stripped] = lab.ask("strip", "greenhouse")["packages"]
    assert stripped["identical"]
