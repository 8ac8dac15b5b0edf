"""METERIZE_AGENT=thread: the agent in the metered process, around forks, signals and ends."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.agents.files import Process, dead
from tests.agents.stub import TOKEN, status

ROOT = Path(__file__).resolve().parents[4]

HEAD = """
    import os, signal, sys, time, warnings
    warnings.simplefilter("error")
    sys.path[:0] = [{root!r}, {hooks!r}]
    from pathlib import Path
    from tests.agents.files import Process, start_time
    from meterize_hooks.agent.thread import AgentThread
    spool = Path({spool!r})
    process = Process(spool)
    process.hook()
    agent = AgentThread(os.environ, process.incarnation)
    def threads():
        return len(os.listdir("/proc/self/task"))
    def until(condition):
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.01)
    def fork_with_its_own_agent():
        child = os.fork()
        if not child:
            agent.restart_in_child(process.incarnation)
            agent.start()
            time.sleep(0.3)
            agent.finish()
            os._exit(0)
        agent.start()
        return child
    agent.start()
"""


@pytest.fixture
def run(ledger, spool):
    def run(script, **environ):
        told = {"root": str(ROOT), "hooks": str(ROOT / "hooks"), "spool": str(spool)}
        program = textwrap.dedent(HEAD).format(**told) + textwrap.dedent(script)
        variables = {key: value for key, value in os.environ.items() if not key.startswith("METERIZE_")}
        variables |= {"METERIZE_LEDGER": ledger.url, "METERIZE_SPOOL": str(spool), "METERIZE_TOKEN": TOKEN, **environ}
        return subprocess.run(
            [sys.executable, "-c", program], env=variables, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_counts_go_out_while_the_process_runs_and_at_its_end(run, ledger):
    ran = run("process.use(times=3)\ntime.sleep(0.5)\nprocess.use(times=4)\nagent.finish()")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ledger.total == 7
    assert len(ledger.requests) == 2


def test_it_is_gone_before_a_fork_even_out_of_a_slow_request(run, ledger):
    """3.12 and later warn where a process with several threads forks, and here a warning is an error."""

    def slow(_handler, _):
        time.sleep(30)
        return True

    ledger.always = slow
    ran = run("""
        process.use()
        until(lambda: threads() == 2)
        time.sleep(0.7)
        began = time.monotonic()
        agent.stop()
        assert time.monotonic() - began < 2, "the request was cut"
        assert threads() == 1
        child = os.fork()
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ledger.requests


def test_a_child_delivers_its_own_and_the_parent_goes_on(run, ledger):
    ran = run("""
        process.use(times=2)
        agent.stop()
        child = os.fork()
        if not child:
            process.close()
            process = Process(spool)
            process.hook()
            agent.restart_in_child(process.incarnation)
            agent.start()
            process.use(times=5)
            agent.finish()
            os._exit(0)
        agent.start()
        process.use()
        assert os.waitpid(child, 0)[1] == 0
        agent.finish()
    """)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert sorted(ledger.totals.values()) == [3, 5]


def test_the_oldest_sees_to_the_dead_and_leaves_the_living_that_help_themselves(run, ledger, spool):
    gone = dead(spool)
    gone.hook()
    gone.use(times=9)
    gone.close()
    silent = Process(spool)
    silent.hook(0, "silent")
    silent.use()
    ran = run(f"until(lambda: not list(spool.glob('{gone.incarnation}*')))\nagent.finish()")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ledger.by() == {"feat": 9, "silent": 1}


def test_who_is_not_the_oldest_delivers_its_own_only(run, ledger, spool):
    older = Process(spool)
    older.hook(0, "older")
    older.use()
    with older.uses.open("r+b") as file:
        file.seek(12)
        file.write(b"\6")
    ran = run("process.use(times=2)\ntime.sleep(0.5)\nagent.finish()")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ledger.by() == {"feat": 2}


def test_signals_are_the_main_threads(run):
    ran = run("""
        heard = []
        signal.signal(signal.SIGUSR1, lambda *_: heard.append(1))
        until(lambda: threads() == 2)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert not before
        for _ in range(50):
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.001)
        assert len(heard) == 50
        agent.finish()
    """)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("trouble", ["down", "401", "500"])
def test_whatever_the_ledger_does_the_process_ends_soon_and_the_counts_stay(run, ledger, spool, trouble):
    ledger.always = status(401 if trouble == "401" else 500)
    environ = {"METERIZE_LEDGER": "http://127.0.0.1:9"} if trouble == "down" else {}
    began = time.monotonic()
    ran = run("process.use()\ntime.sleep(0.3)\nagent.finish()", **environ)
    assert (ran.returncode, len(ran.stderr.splitlines())) == (0, 1)
    assert time.monotonic() - began < 15
    assert list(spool.glob("*.uses"))


@pytest.mark.parametrize("environ", [{"METERIZE_LEDGER": ""}, {"METERIZE_TOKEN": ""}])
def test_what_it_was_not_told_it_says_once(run, environ):
    ran = run("until(lambda: threads() == 1)\nagent.stop()\nagent.finish()", **environ)
    assert ran.returncode == 0
    [line] = ran.stderr.splitlines()
    assert line.startswith("meterize: METERIZE_AGENT=thread delivers nothing: ")


TROUBLES = {
    "nobody there": {"METERIZE_LEDGER": "http://127.0.0.1:9"},
    "https to a plain port": {"METERIZE_LEDGER": "https://127.0.0.1:{port}"},
    "a token of somebody else": {"METERIZE_TOKEN": "another"},
    "another path": {"METERIZE_LEDGER": "http://127.0.0.1:{port}/api/v1"},
    "CA certificates that are not there": {"METERIZE_LEDGER": "https://127.0.0.1:9", "METERIZE_CA_FILE": "/nonexistent"},
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_settings_that_lead_nowhere_are_told_once_though_there_is_nothing_to_send(run, ledger, trouble):
    """Over several rounds, forks and their children, and the end: one line, which names no option."""
    if trouble == "another path":
        ledger.always = status(404)
    port = ledger.server.server_address[1]
    environ = {key: value.format(port=port) for key, value in TROUBLES[trouble].items()}
    ran = run(
        """
        until(lambda: agent._has_greeted)
        for _ in range(2):
            agent.stop()
            child = fork_with_its_own_agent()
            process.use()
            assert os.waitpid(child, 0)[1] == 0
        time.sleep(0.3)
        agent.finish()
        """,
        **environ,
    )
    assert ran.returncode == 0
    [line] = ran.stderr.splitlines()
    assert line.startswith("meterize: METERIZE_AGENT=thread delivers nothing: ")
    assert " --" not in line.replace("ledger token add --source", "")
    assert "another" not in line
    assert "METERIZE_CA_FILE" in line or "CA_FILE" not in environ


def test_a_ledger_that_goes_away_is_told_once(run, ledger):
    ledger.faults = [lambda *_: False, *[status(503)] * 1000]
    ran = run("time.sleep(0.7)\nprocess.use()\ntime.sleep(3)\nprocess.use()\nagent.finish()")
    assert ran.returncode == 0
    [line] = ran.stderr.splitlines()
    assert "cannot answer: status 503" in line


def test_one_that_is_overloaded_is_no_trouble(run, ledger):
    ledger.always = status(429)
    ran = run("process.use()\ntime.sleep(0.5)\nagent.finish()")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_it_greets_once_in_a_process_and_its_children(run, ledger):
    ran = run("""
        time.sleep(0.5)
        agent.stop()
        child = fork_with_its_own_agent()
        assert os.waitpid(child, 0)[1] == 0
        time.sleep(0.5)
        agent.finish()
    """)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (ledger.greetings, ledger.requests) == (1, [])


def test_a_process_without_stderr_goes_on(run, ledger, tmp_path):
    """Descriptor 2 is then a file of the application's."""
    ran = run(f"""
        agent.stop()
        sys.stderr = sys.__stderr__ = None
        os.close(2)
        other = os.open({str(tmp_path / "other")!r}, os.O_WRONLY | os.O_CREAT)
        assert other == 2
        agent.start()
        time.sleep(0.5)
        agent.finish()
    """, METERIZE_TOKEN="another")  # fmt: skip
    assert ran.returncode == 0
    assert (tmp_path / "other").read_bytes() == b""


def test_starting_it_imports_little_into_the_application():
    """What it needs comes in the thread, later."""
    program = f"""if True:
        import sys
        sys.path.insert(0, {str(ROOT / "hooks")!r})
        before = set(sys.modules)
        import meterize_hooks.agent.thread
        print(*sorted(set(sys.modules) - before))
    """
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {
        "http",
        "http.client",
        "socket",
        "ssl",
        "threading",
        "json",
        "dataclasses",
        "argparse",
    }


def test_under_gevent(ledger, spool):
    """Its thread is a greenlet there, whose waiting lets the application's go on."""
    pytest.importorskip("gevent")
    program = f"""
        from gevent import monkey; monkey.patch_all()
        import gevent, os, sys
        waitpid = monkey.get_original("os", "waitpid")  # gevent's own misses a SIGCHLD now and then, with or without us
        sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "hooks")!r}]
        from pathlib import Path
        from tests.agents.files import Process
        from meterize_hooks.agent.thread import AgentThread
        process = Process(Path({str(spool)!r}))
        process.hook()
        agent = AgentThread(os.environ, process.incarnation)
        agent.start()
        def work():
            for _ in range(20):
                process.use()
                gevent.sleep(0.05)
        gevent.joinall([gevent.spawn(work) for _ in range(3)])
        agent.stop()
        child = os.fork()
        if not child:
            os._exit(0)
        assert waitpid(child, 0)[1] == 0
        agent.start()
        agent.finish()
    """
    variables = {key: value for key, value in os.environ.items() if not key.startswith("METERIZE_")}
    variables |= {"METERIZE_LEDGER": ledger.url, "METERIZE_SPOOL": str(spool), "METERIZE_TOKEN": TOKEN}
    command = [sys.executable, "-c", textwrap.dedent(program)]
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ledger.total == 60
