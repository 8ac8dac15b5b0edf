"""Commands that say nothing about a feature: refused with what they wrote, and nothing of them is left."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

PYTEST = "python -m pytest -q -p no:cacheprovider"
OUTPUT = (
    "import sys\nfor n in range(10000): sys.stdout.write(f'\\x1b[31mline {n}\\x1b[0m' + ' wide' * 60 + '\\r\\n')\nsys.exit(1)\n"
)


def analyze(lab, quick, with_command, without_command, *options, **variables):
    return quick(
        "analyze", "greenhouse", "--feature", "x", "--cwd", lab.suite, "--with", with_command, "--without", without_command,
        *options, **variables,
    )  # fmt: skip


@pytest.fixture
def rest(of_rest):
    return of_rest("irrigation")


@pytest.mark.parametrize(
    "command",
    [
        f"{PYTEST} -k nosuch",
        "python -m unittest discover -k nosuch",
        "python -m unittest -k nosuch test_irrigation",
        f"{PYTEST} --co",
    ],
)
@pytest.mark.parametrize("side", ["with", "without"])
def test_no_tests_collected(lab, quick, rest, side, command):
    before = lab.tree()
    commands = (command, rest) if side == "with" else (rest, command)
    ran = analyze(lab, quick, *commands)
    lab.refused(ran, 3, "no-tests", command, "--cwd", before=before)


@pytest.mark.parametrize("runner", [f"{PYTEST} --rootdir . -p no:cacheprovider", "python -m unittest"])
def test_all_tests_are_skipped(lab, quick, rest, runner):
    (lab.work / "test_skipped.py").write_text(
        "import unittest, greenhouse\n@unittest.skip('no')\nclass T(unittest.TestCase):\n    def test(self): 1 / 0\n"
    )
    before = lab.tree()
    ran = analyze(
        lab, quick, f"cd {lab.work} && {runner} test_skipped{'.py' * ('pytest' in runner)}", rest, PYTHONDONTWRITEBYTECODE="1"
    )
    # Since 3.12 unittest itself fails if all tests are skipped.
    lab.refused(ran, 3, "suite-failed" if "exit code 5" in ran.err else "no-tests", "skipped", before=before)


FAILING = {
    "unittest": ("python -m unittest no_such_module", "No module named 'no_such_module'"),
    "pytest": (f"{PYTEST} no_such_file.py", "no_such_file.py"),
    "script": ("python -c 'raise SystemExit(3)'", "exit code 3"),
    "program": ("no-such-program --flag", "not find"),
    "not executable": ("/etc/hostname", "not find or could not start"),
    "shell": ("if then else (", "syntax error"),
    "signal": ("kill -9 $$", "signal 9"),
    "killed inside": ("python -c 'import os; os.kill(os.getpid(), 9)'", "signal 9"),
    "needs input": ("python -c 'input()'", "EOFError"),
    "binary": ("head -c 3000 /dev/urandom; exit 1", "exit code 1"),
    "much": (f'python -c "{OUTPUT}"', "9999"),
    "long": ("false " + "x" * 9000, "exit code 1"),
}


@pytest.mark.parametrize("kind", FAILING)
def test_a_suite_that_fails_already(lab, quick, rest, kind):
    command, says = FAILING[kind]
    before = lab.tree()
    ran = analyze(lab, quick, command, rest) if kind in ("pytest", "script") else analyze(lab, quick, rest, command)
    lab.refused(ran, 3, "suite-failed", says, before=before)
    assert "\x1b" not in ran.err


def test_a_failing_test_is_shown(lab, quick, rest):
    (lab.work / "test_bad.py").write_text("from greenhouse import summarize\ndef test_bad():\n    assert summarize([]) == 1\n")
    before = lab.tree()
    ran = analyze(lab, quick, f"{PYTEST} {lab.work / 'test_bad.py'} --rootdir {lab.work}", rest, PYTHONDONTWRITEBYTECODE="1")
    lab.refused(ran, 3, "suite-failed", "1 failed", before=before)


def test_the_whole_output_is_in_json(lab, quick, rest):
    ran = analyze(lab, quick, rest, FAILING["much"][0], "--json")
    assert ran.code == 3
    assert len(ran.json()["error"]["details"]) > 20


ENDLESS = {
    "sleeps": "sleep 1000",
    "spins": "python -c 'while True: pass'",
    "has children": 'sleep 1000 & python -c \'import subprocess; subprocess.run(["sleep", "1000"])\'',
    "ignores signals": "trap '' TERM INT HUP; python -c 'import signal, time; "
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)'; sleep 1000",
    "writes": "yes",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_suite_that_never_ends(lab, quick, rest, left_behind, kind):
    before = lab.tree()
    ran = analyze(lab, quick, rest, ENDLESS[kind], "--timeout", "0.7")
    lab.refused(ran, 3, "suite-timeout", "0.7 s", "--timeout", before=before)
    assert left_behind(lab) == []


def test_the_timeout_is_each_suites_own(lab, quick, rest):
    ran = analyze(lab, quick, "python -m unittest test_irrigation && sleep 0.6", f"{rest} && sleep 0.6", "--timeout", "60")
    assert ran.code == 0, ran


def test_a_child_that_stays_is_ended(lab, quick, rest, left_behind):
    """A server that the suite forgot in the background neither holds the tool up nor outlives it."""
    ran = analyze(lab, quick, "sleep 1000 & python -m unittest test_irrigation", rest)
    assert ran.code == 0, ran
    assert left_behind(lab) == []


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "soon", ""])
def test_a_timeout_that_is_none(lab, quick, rest, timeout):
    lab.refused(analyze(lab, quick, rest, "sleep 1000", "--timeout", timeout), 2, "usage", "--timeout", before=lab.tree())


@pytest.mark.parametrize("feature", ["irrigation", "forecast", "stations"])
def test_swapped(lab, quick, of_rest, feature):
    before = lab.tree()
    ran = analyze(lab, quick, of_rest(feature), f"python -m unittest test_{feature}")
    lab.refused(ran, 2, "swapped", "swapped", before=before)


@pytest.mark.parametrize("whole", ["python -m unittest", "python -m unittest test_irrigation"])
def test_the_same(lab, quick, whole):
    before = lab.tree()
    ran = analyze(lab, quick, "python -m unittest test_irrigation", whole)
    lab.refused(ran, 2, "same-selection", "--without", before=before)


def test_nothing_unique(lab, quick):
    for name in ("one", "two"):
        (lab.work / f"test_{name}.py").write_text(
            "import unittest\nfrom greenhouse import parse_readings\nclass T(unittest.TestCase):\n"
            f"    def test_{name}(self): self.assertEqual(parse_readings(['bed']), [])\n"
        )
    before = lab.tree()
    at = f"cd {lab.work} && python -B -m unittest"
    ran = analyze(lab, quick, f"{at} test_one", f"{at} test_two")
    lab.refused(ran, 1, "nothing-unique", before=before)


@pytest.mark.parametrize("core", ["ctrace", "sysmon"])
def test_coverage_already_running(lab, borrow, plan_text, core):
    borrow(lab.site, ["coverage"], lab.root / "borrowed")
    command = "python -m coverage run --data-file=/dev/null -m unittest"
    command = f"python -m coverage run --data-file={lab.root}/cov -m unittest"
    ran = lab.analyze(
        "irrigation", "--plan", lab.work / "p.toml", with_command=f"{command} test_irrigation", COVERAGE_CORE=core,
        without_command=f"{command} test_climate test_command_line test_forecast test_readings test_stations",
    )  # fmt: skip
    assert ran.code == 0, ran
    place = ("offset", "digest", "intersection", "union")
    found = [line for line in (lab.work / "p.toml").read_text().splitlines() if line.startswith(place)]
    assert found == [line for line in plan_text("irrigation").splitlines() if line.startswith(place)]


def test_a_copy_of_the_source_that_shadows_what_is_installed(lab, quick):
    shutil.copytree(lab.site / "greenhouse", lab.work / "greenhouse")
    shutil.copytree(lab.suite, lab.work / "tests")
    before = lab.tree()
    command = f"cd {lab.work} && python -B -m unittest discover -s tests -p"
    ran = analyze(lab, quick, f"{command} 'test_irr*'", f"{command} 'test_cli*'")
    lab.refused(ran, 3, "no-data", "instead", "run them elsewhere", before=before)


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_an_interpreter_that_cannot_be_watched(lab, quick, flag):
    before = lab.tree()
    command = f"python {flag} -c 'import sys; sys.path.append(\"{lab.site}\"); import greenhouse'"
    ran = analyze(lab, quick, command, command)
    assert ran.code != 0, ran
    lab.refused(ran, 3, "no-data", "PYTHONPATH", before=before)


def test_another_interpreter_in_the_command(lab, quick):
    own = Path(sys.executable).resolve()
    other = next((path for path in map(Path, ("/usr/bin/python3", "/usr/local/bin/python3")) if path.exists()), None)
    if other is None or own.samefile(other) or other.resolve().name == own.name:
        pytest.skip("no second interpreter on this machine")
    before = lab.tree()
    command = f"{other} -B -c 'import sys; sys.path.append(\"{lab.site}\"); import greenhouse'"
    lab.refused(
        analyze(lab, quick, command, command), 3, "no-data", "another Python", "begin the command with `python`", before=before
    )


def test_folders_that_are_none(lab, quick, rest):
    before = lab.tree()
    (lab.root / "file").touch()
    suites = ("--with", rest, "--without", rest)
    for cwd in ("/no/such/folder", lab.root / "file", ""):
        ran = quick("analyze", "greenhouse", "--feature", "x", *suites, "--cwd", cwd)
        lab.refused(ran, 2, "usage", "--cwd", before=before)


@pytest.mark.parametrize("options", ["", "--cwd '{suite}'", "--cwd '{suite}' --plan '{root}/p.toml'"])
def test_a_working_folder_that_is_gone(lab, rest, run, options):
    gone = lab.root / "gone"
    gone.mkdir()
    before = lab.tree()
    words = lab.command(
        "analyze", "greenhouse", "--feature", "x", "--with", "python -m unittest test_irrigation", "--without", rest
    )
    line = f"rmdir '{gone}'; exec \"$@\" {options.format(suite=lab.suite, root=lab.root)}"
    ran = run(["/bin/sh", "-c", line, "sh", *words], cwd=gone, variables=lab.environment())
    if "--plan" in options:
        assert ran.code == 0, ran
        assert (lab.root / "p.toml").exists()
    else:
        lab.refused(ran, 2, "no-place-for-file" if options else "cwd-missing", before=before)


@pytest.mark.parametrize("name", ["", "  ", "a/b", "../../x", " x", "x ", "a\nb", "a\tb", "a\x1b[31mb", "x" * 500, "x\u200by"])
def test_feature_names_that_cannot_be(lab, quick, name):
    before = lab.tree()
    ran = quick("analyze", "greenhouse", "--feature", name, "--with", "true", "--without", "true")
    lab.refused(ran, 2, "bad-feature-name", "xlsx-export", before=before)


@pytest.mark.parametrize(
    "name", ["two words", 'it\'s "quoted"', "bärnstein ⚙", "-x", ".", "$HOME;`id`", "[bold]", "100%", "x" * 80]
)
def test_odd_feature_names_all_the_way(lab, quick, rest, plan_text, name):
    ran = quick(
        "analyze", "greenhouse", f"--feature={name}", "--with", "python -m unittest test_irrigation", "--without", rest,
        "--cwd", lab.suite,
    )  # fmt: skip
    assert ran.code == 0, ran
    assert name in ran.out
    path = lab.work / f"greenhouse.{name}.plan.toml"
    assert quick("instrument", path, "--policy", "every").code == 0
    reading = "Reading(bed='b', hour=1, air=20, humidity=8, moisture=4)"
    lab.use(f"from greenhouse import Reading, plan_watering; plan_watering([{reading}], tank=9)", METERIZE_SUBJECT=name)
    [use] = quick("usage", "--json").json()["uses"]
    assert (use["feature"], use["subject"], use["uses"]) == (name, name, 1)
    assert name in quick("status").out
    shown = quick("usage").out
    assert name[:40] in shown.replace("\n", "") or len(name) > 40
    assert quick("strip", "greenhouse").code == 0


@pytest.mark.parametrize(
    ("option", "place", "slug"),
    [("--at", "greenhouse.irrigation:plan_waterin", "at-unknown"), ("--exclude", "greenhouse.irigation", "exclude-unknown")],
)
def test_places_that_the_package_does_not_have(lab, quick, option, place, slug):
    """Said before the suites run: here they would fail."""
    before = lab.tree()
    ran = quick("analyze", "greenhouse", "--feature", "x", "--with", "false", "--without", "false", option, place)
    lab.refused(ran, 2, slug, "greenhouse.irrigation", before=before)


def test_places_for_the_plan_that_cannot_be(lab, quick, rest):
    """Said before the suites run: here they would fail."""
    (lab.work / "text").write_text("my notes")
    (lab.work / "link").symlink_to("link")
    os.mkfifo(lab.work / "pipe")
    before = lab.tree()
    for option in ("--plan", "--data"):
        for place in (
            "/no/such/folder/p.toml",
            "text",
            "link",
            "pipe",
            "/dev/null",
            "text/p.toml",
            f"{'x' * 300}.toml",
        ):
            ran = analyze(lab, quick, "false", "false", option, place)
            lab.refused(ran, 2, "no-place-for-file", f"{option} FILE", before=before)
        lab.refused(analyze(lab, quick, "false", "false", option, lab.root), 2, "usage", before=before)
    ran = analyze(lab, quick, "false", "false", "--plan", "p", "--data", "./p")
    lab.refused(ran, 2, "no-place-for-file", "same file", before=before)
    assert (lab.work / "text").read_text() == "my notes"


def test_a_package_that_is_metered_already(lab, quick, metered, rest):
    before = lab.tree()
    ran = analyze(lab, quick, "false", rest)
    lab.refused(ran, 4, "already-metered", "meterize strip greenhouse", before=before)
