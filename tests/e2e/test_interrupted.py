"""Ctrl-C, SIGTERM and a closed terminal: no process, no temporary file, no plan and no half-done change is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
HANGING = "sh -c 'sleep 1000 & sleep 1000' & touch {flag}; python -c 'import time; time.sleep(1000)'"
STUBBORN = 'trap "" INT TERM HUP; touch {flag}; sleep 1000; sleep 1000'
AT_IMPORT = """\
import os, signal, sys
def strike(event, arguments, left=[int(os.environ.get("STRIKE_COUNT", "1"))]):
    if event.startswith(os.environ.get("STRIKE_EVENT", "?")) and os.environ["STRIKE_ARGUMENT"] in str(arguments[0]):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(strike)
"""


@pytest.fixture
def flag(lab):
    return lab.root / "the suite runs"


@pytest.fixture
def start(lab, flag):
    """Start the tool, and wait until the user's command runs."""
    running = []

    def begin(*words, **options):
        process = subprocess.Popen(
            lab.command(*words), cwd=lab.work, env=lab.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, **options,
        )  # fmt: skip
        running.append(process)
        deadline = time.monotonic() + 60
        while not flag.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()


def hanging(lab, flag, command=HANGING):
    quoted = command.format(flag=f"'{flag}'".replace("'", '"'))
    return ["analyze", "greenhouse", "--feature", "x", "--cwd", lab.suite, "--with", "sleep 60", "--without", quoted]


def check(lab, process, before, left_behind, *, seconds=30):
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - began < seconds
    assert (process.returncode, out) == (130, ""), err
    assert "Traceback" not in err
    assert err.strip() == "Interrupted. Nothing was left half-done."
    assert left_behind(lab) == []
    assert list(lab.temp.iterdir()) == []
    assert lab.tree() == before


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_during_the_suite(lab, start, flag, left_behind, number):
    before = lab.tree()
    process = start(*hanging(lab, flag))
    process.send_signal(number)
    check(lab, process, before, left_behind)


def test_from_the_terminal_to_the_whole_group_twice(lab, start, flag, left_behind):
    before = lab.tree()
    process = start(*hanging(lab, flag))
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.03)
    os.killpg(process.pid, signal.SIGINT)
    check(lab, process, before, left_behind)


def test_a_suite_that_ignores_signals(lab, start, flag, left_behind):
    before = lab.tree()
    process = start(*hanging(lab, flag, STUBBORN))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    check(lab, process, before, left_behind)


def test_an_earlier_plan_stays(lab, plan, start, flag, left_behind):
    kept = plan("irrigation", "greenhouse.x.plan.toml")
    before = lab.tree()
    process = start(*hanging(lab, flag))
    process.send_signal(signal.SIGINT)
    check(lab, process, before, left_behind)
    assert kept.exists()


def test_during_verify(lab, plan, start, flag, left_behind):
    path = plan()
    lab.instrument(path)
    text = path.read_text()
    start_of, end_of = text.index("\nwithout = ") + 1, text.index("\ncwd = ")
    command = HANGING.format(flag=str(flag).replace(" ", "\\\\ ")).replace('"', '\\"')
    path.write_text(f'{text[:start_of]}without = "{command}"{text[end_of:]}')
    before = lab.tree()
    process = start("verify", path)
    process.send_signal(signal.SIGINT)
    check(lab, process, before, left_behind)


def test_a_hang_up_that_is_ignored_is_none(lab, start, flag, of_rest):
    """As under nohup."""
    suites = [
        "--with",
        "python -m unittest test_irrigation",
        "--without",
        f"touch '{flag}'; sleep 0.5; {of_rest('irrigation')}",
    ]
    words = ["analyze", "greenhouse", "--feature", "x", "--cwd", lab.suite, *suites]
    process = start(*words, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


@pytest.fixture
def struck(lab):
    """An environment whose interpreter gets a Ctrl-C at a certain moment."""
    (lab.site / "strike_here.py").write_text(AT_IMPORT)
    (lab.site / "strike.pth").write_text("import strike_here\n")
    (lab.site / "__pycache__").mkdir(exist_ok=True)
    lab.use("pass")


@pytest.mark.parametrize(
    "module", ["click", "rich.console", "meterize.pipeline.target", "meterize.pipeline.status", "meterize.cli.app"]
)
@pytest.mark.usefixtures("struck")
def test_while_the_tool_is_being_imported(lab, module):
    before = lab.tree()
    strike = {"STRIKE_EVENT": "import", "STRIKE_ARGUMENT": module}
    ran = lab.meterize("status", **strike)
    assert (ran.code, ran.out) == (130, ""), ran
    assert lab.tree() == before


@pytest.mark.parametrize("moment", ["subprocess.Popen", "_thread.start"])
@pytest.mark.usefixtures("struck")
def test_in_the_moment_in_which_the_suite_starts(lab, flag, left_behind, moment):
    if moment.startswith("_thread") and sys.version_info < (3, 12):
        pytest.skip("threads that start raise an audit event since 3.12")
    before = lab.tree()
    words = hanging(lab, flag, "touch {flag}; sleep 1000")
    ran = lab.meterize(*words, STRIKE_EVENT=moment, STRIKE_ARGUMENT="")
    assert (ran.code, ran.out) == (130, ""), ran
    assert left_behind(lab) == []
    assert lab.tree() == before


@pytest.mark.usefixtures("struck")
def test_during_instrument_and_strip(lab, plan):
    """At renames all along the way: it has happened, or it has not."""
    path = plan()
    plain = lab.tree()
    outcomes = {"instrument": set(), "strip": set()}
    for command, words in (("instrument", ["instrument", path, "--policy", "every"]), ("strip", ["strip", "greenhouse"])):
        for count in range(1, 60, 5):
            begins = lab.tree()
            ran = lab.meterize(*words, STRIKE_EVENT="os.rename", STRIKE_ARGUMENT="", STRIKE_COUNT=str(count))
            assert ran.code in (0, 130), ran
            is_metered = (lab.site / ".meterize").exists()
            outcomes[command].add((ran.code, is_metered))
            if ran.code == 130 and is_metered is (command == "strip"):
                assert lab.tree() == begins, ran
            if is_metered is (command == "instrument"):
                break
        else:
            pytest.fail(f"{command} never came to its end")
        if ran.code == 130:
            assert lab.meterize("status").code == 0
    assert (130, False) in outcomes["instrument"]
    assert (130, True) in outcomes["strip"]
    assert lab.tree() == plain
