"""The agent as a process: its signals, its exit codes, its own address."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.agents.files import Process, dead
from tests.agents.stub import TOKEN, status

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def start(ledger, spool):
    """Starts ``python -m meterize_hooks.agent``; ends what is left of it."""
    started = []

    def start(*options, module=("-m", "meterize_hooks.agent"), **environ):
        variables = {key: value for key, value in os.environ.items() if not key.startswith("METERIZE_")}
        variables |= {"PYTHONPATH": f"{ROOT / 'hooks'}{os.pathsep}{ROOT / 'instrumentor'}", "METERIZE_LEDGER": ledger.url}
        variables |= {"METERIZE_SPOOL": str(spool), "METERIZE_TOKEN": TOKEN, **environ}
        command = [sys.executable, *module, "--seconds", "0.05", *map(str, options)]
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_does_a_last_round(start, ledger, spool, number):
    process = Process(spool)
    process.hook()
    process.use()
    agent = start("--seconds", "3600")
    until(lambda: ledger.total == 1)
    process.use(times=5)
    agent.send_signal(number)
    out, err = agent.communicate(timeout=15)
    assert (agent.returncode, out, err) == (0, "", "")
    assert ledger.total == 6


def test_a_slow_ledger_does_not_keep_it_from_ending(start, ledger, spool):
    process = Process(spool)
    process.hook()
    process.use()

    def slow(_handler, _document):
        time.sleep(60)
        return True

    ledger.always = slow
    agent = start("--timeout", "1")
    until(lambda: ledger.requests)
    agent.terminate()
    agent.communicate(timeout=15)
    assert agent.returncode == 0


def test_killed_at_any_moment_it_changes_nothing(start, ledger, spool):
    process = Process(spool)
    process.hook()
    for _ in range(5):
        process.use(times=3)
        agent = start()
        until(lambda: ledger.total == process.cells[0])
        agent.kill()
        agent.communicate()
    assert ledger.total == 15


def test_its_own_address(start, ledger, spool):
    process = Process(spool)
    process.hook()
    process.use()
    agent = start("--metrics", "127.0.0.1:0")
    port = int(re.search(r":(\d+)\n", agent.stderr.readline())[1])
    until(lambda: ledger.total == 1)

    def get(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    until(lambda: json.loads(get("/health")[2])["last_success"])
    code, kind, text = get("/health")
    assert (code, kind, json.loads(text)["status"]) == (200, "application/json", "ok")
    code, kind, text = get("/metrics")
    assert (code, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|meterize_agent_\w+(\{\w+="[\w-]+"\})? [\d.e+]+', line), line
    assert 'meterize_agent_files{state="alive"} 1\n' in text
    assert re.search(r"^meterize_agent_resident_bytes [1-9]", text, re.MULTILINE)
    assert get("/")[0] == 404
    with socket.create_connection(("127.0.0.1", port)) as rude:
        rude.sendall(b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n")
        assert b"414" in rude.recv(100)
    with socket.create_connection(("127.0.0.1", port)):
        assert get("/health")[0] == 200, "who says nothing is not waited for long"
    ledger.always = status(500)
    process.use()
    until(lambda: get("/health")[0] == 503)
    assert json.loads(get("/health")[2])["status"] == "failing"


def test_an_address_that_is_taken(start, spool):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        agent = start("--metrics", str(taken.getsockname()[1]))
        _, err = agent.communicate(timeout=10)
    assert agent.returncode == 2
    assert "agent-bad-address" in err


def test_started_again_at_once_after_it_was_asked(start):
    """The end of who answers rests in TIME-WAIT for a minute."""
    agent = start("--metrics", "127.0.0.1:0")
    port = int(re.search(r":(\d+)\n", agent.stderr.readline())[1])
    for _ in range(2):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            assert answer.status == 200
        agent.terminate()
        agent.communicate(timeout=15)
        agent = start("--metrics", port)
        assert f"127.0.0.1:{port}\n" in agent.stderr.readline()


@pytest.mark.parametrize(
    ("environ", "slug"),
    [
        ({"METERIZE_LEDGER": ""}, "agent-no-ledger"),
        ({"METERIZE_LEDGER": "redis://x"}, "agent-bad-url"),
        ({"METERIZE_TOKEN": ""}, "agent-no-token"),
        ({"METERIZE_TOKEN": "a b"}, "agent-no-token"),
        ({"METERIZE_TOKEN_FILE": "/nonexistent"}, "agent-no-token"),
        ({"METERIZE_SPOOL": "", "XDG_STATE_HOME": "", "HOME": "x"}, "agent-no-spool"),
    ],
)
def test_misuse(start, environ, slug):
    agent = start("--once", "--json", **environ)
    out, err = agent.communicate(timeout=10)
    assert (agent.returncode, err) == (2, "")
    told = json.loads(out)["error"]
    assert told["slug"] == slug
    assert "a b" not in out
    agent = start("--once", **environ)
    out, err = agent.communicate(timeout=10)
    assert (agent.returncode, out) == (2, "")
    assert err == f"error ({slug}): {told['message']}\n\n{told['hint']}\n", "as the tool's commands say it"


def test_no_token_on_a_command_line(start):
    agent = start("--token", "secret")
    _, err = agent.communicate(timeout=10)
    assert agent.returncode == 2
    assert "unrecognized arguments" in err


@pytest.mark.parametrize(("fault", "code"), [(None, 0), (status(503), 1)])
def test_one_round(start, ledger, spool, fault, code):
    process = dead(spool)
    process.hook()
    process.use()
    process.close()
    ledger.always = fault
    agent = start("--once", "--json")
    out, _ = agent.communicate(timeout=10)
    assert agent.returncode == code
    told = json.loads(out)
    assert told["failures"] == code
    page = (ROOT / "docs" / "json-output.md").read_text(encoding="utf-8").partition("\n## agent\n")[2].partition("\n## ")[0]
    assert set(told) == {"schema", *re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)}
    assert set(told["files"]) == set(re.findall(r'"(\w+)"', page))
    assert process.uses.exists() == bool(code)


@pytest.mark.parametrize("named", [True, False])
def test_one_round_without_a_spool(start, ledger, spool, tmp_path, named):
    environ = {} if named else {"METERIZE_SPOOL": "", "XDG_STATE_HOME": str(tmp_path)}
    agent = start("--once", **environ)
    _, err = agent.communicate(timeout=10)
    assert agent.returncode == int(named)
    folder = spool if named else tmp_path / "meterize" / "spool"
    assert f"meterize agent: there is no spool {folder} yet" in err
    assert ledger.greetings == 1


def test_one_round_says_what_it_did(start, ledger, spool):
    for _ in range(2):
        process = dead(spool)
        for slot in range(2):
            process.hook(slot, f"f{slot}")
            process.use(slot)
        process.close()
    _, err = start("--once").communicate(timeout=10)
    assert err == "meterize agent: the ledger has confirmed 4 totals of 2 processes; 2 files removed\n"
    _, err = start("--once").communicate(timeout=10)
    assert err == "meterize agent: there was nothing to send, and the ledger is there\n"


def test_one_round_that_fails_promises_no_other(start, spool):
    spool.mkdir()
    agent = start("--once", METERIZE_LEDGER="http://127.0.0.1:9")
    _, err = agent.communicate(timeout=10)
    assert agent.returncode == 1
    assert err == "meterize agent: nobody listens at http://127.0.0.1:9: is the ledger running there? (nothing is lost)\n"


def test_by_the_tools_command(start, ledger, spool):
    process = dead(spool)
    process.hook()
    process.use()
    process.close()
    options = ("--ledger", ledger.url, "--spool", spool, "--timeout", "5", "--items", "9")
    agent = start("--once", "--json", *options, module=("-m", "meterize", "agent"), METERIZE_LEDGER="http://127.0.0.1:9")
    out, err = agent.communicate(timeout=20)
    assert (agent.returncode, err) == (0, "")
    assert json.loads(out)["status"] == "ok"
    assert ledger.total == 1


def test_the_tools_command_becomes_the_agent(start, ledger, spool):
    """A supervisor's signals and its watch reach the agent itself, under an interpreter without site-packages."""
    process = Process(spool)
    process.hook()
    process.use()
    agent = start(module=("-m", "meterize", "agent"))
    until(lambda: ledger.total == 1)
    command = Path(f"/proc/{agent.pid}/cmdline").read_bytes().split(b"\0")
    assert b"-I" in command
    assert TOKEN.encode() not in b" ".join(command)
    agent.terminate()
    agent.communicate(timeout=10)
    assert agent.returncode == 0


def test_both_commands_take_the_same_options(start):
    def options(*module):
        out, _ = start("--help", module=module).communicate(timeout=20)
        return set(re.findall(r"--[a-z-]+", out.partition("ptions:")[2])) - {"--token"}

    assert options("-m", "meterize_hooks.agent") == options("-m", "meterize", "agent")
