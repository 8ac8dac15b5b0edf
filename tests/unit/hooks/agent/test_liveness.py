"""Who is dead: processes that hold locks, hide in namespaces, become others, or ran on another machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.agents.files import Process, a_dead_pid, dead, start_time

from meterize_hooks.agent import liveness
from meterize_hooks.agent.liveness import Life, Machine, runs
from meterize_hooks.agent.usage_file import read_header

ROOT = Path(__file__).resolve().parents[4]
ANOTHER_BOOT = "00000000-0000-4000-8000-000000000000"


def life(process: Process, machine: Machine | None = None) -> Life:
    descriptor = os.open(process.uses, os.O_RDONLY)
    try:
        header = read_header(os.pread(descriptor, 4096, 0), process.incarnation)
        return (machine or Machine()).life(header, descriptor)
    finally:
        os.close(descriptor)


def test_ourselves(spool):
    assert life(Process(spool)) is Life.ALIVE


def test_a_lock_outweighs_a_dead_pid(spool):
    process = dead(spool)
    assert life(process) is Life.ALIVE
    process.close()
    assert life(process) is Life.DEAD


def test_a_pid_that_was_given_to_another_process(spool):
    process = Process(spool, started=start_time() - 1)
    process.close()
    assert life(process) is Life.DEAD


def test_a_free_lock_is_no_proof_against_a_living_pid(spool):
    """As after exec, or where the file system only pretends to lock."""
    process = Process(spool)
    process.close()
    assert life(process) is Life.ALIVE


def test_a_pid_of_another_namespace_is_never_asked(spool):
    for locked, expected in ((True, Life.DEAD), (False, Life.UNKNOWN)):
        for pid in (a_dead_pid(), 1):
            process = Process(spool, pid=pid, namespace=12345, locked=locked)
            process.close()
            assert life(process) is expected
        held = Process(spool, pid=a_dead_pid(), namespace=12345, locked=True)
        assert life(held) is Life.ALIVE


def test_a_namespace_that_is_unknown_is_another(spool):
    process = Process(spool, pid=a_dead_pid(), namespace=0, locked=False)
    assert life(process) is Life.UNKNOWN
    machine = Machine()
    machine.pid_namespace = 0
    assert life(process, machine) is Life.UNKNOWN


def test_an_earlier_boot(spool):
    booted = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    process = Process(spool, boot_id=ANOTHER_BOOT, made_at=booted - 10**9)
    assert life(process) is Life.ALIVE, "locked"
    process.close()
    assert life(process) is Life.UNKNOWN, "it was written since: by a virtual machine, or over a network"
    os.utime(process.uses, ns=(booted - 10**9, booted - 10**9))
    machine = Machine()
    machine._local[process.uses.stat().st_dev] = False
    assert life(process, machine) is Life.UNKNOWN, "on a file system that others write"
    if kind_of(process.uses) in liveness.LOCAL:
        assert life(process) is Life.DEAD


def kind_of(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return liveness.kind_of(descriptor)
    finally:
        os.close(descriptor)


def test_file_systems_are_known_by_the_innermost_mount(tmp_path, monkeypatch):
    assert kind_of(Path("/proc/self/stat")) == "proc"
    place = tmp_path / "a b"
    place.mkdir()
    (place / "file").touch()
    spelled = str(place).replace(" ", "\\040")
    lines = [
        f"1 0 0:1 / {where} rw - {kind} x rw\n" for where, kind in (("/", "ext4"), (spelled, "nfs4"), (str(tmp_path), "xfs"))
    ]
    (tmp_path / "mounts").write_text("".join(lines))
    monkeypatch.setattr(liveness, "MOUNTS", str(tmp_path / "mounts"))
    assert kind_of(place / "file") == "nfs4"
    assert kind_of(tmp_path / "mounts") == "xfs"
    assert kind_of(Path(__file__)) == "ext4"
    (tmp_path / "mounts").write_text("nonsense\n")
    assert kind_of(place / "file") == ""


def test_another_machine_on_a_shared_folder(spool):
    process = Process(spool, boot_id=ANOTHER_BOOT, pid=a_dead_pid())
    process.close()
    assert life(process) is Life.UNKNOWN


def test_a_machine_that_tells_nothing_of_itself(spool, monkeypatch):
    for name in ("BOOT_ID", "PID_NAMESPACE", "MOUNTS"):
        monkeypatch.setattr(liveness, name, "/nonexistent")
    process = Process(spool, pid=a_dead_pid(), boot_id="", namespace=0)
    process.close()
    assert life(process) is Life.UNKNOWN


def test_a_file_of_unknown_life_is_served_and_stays(agent, ledger, spool):
    process = Process(spool, boot_id=ANOTHER_BOOT, pid=a_dead_pid())
    process.hook()
    process.use(times=4)
    process.close()
    agent.round()
    assert ledger.total == 4
    assert process.uses.exists()
    assert agent.metrics.files["unknown"] == 1
    assert not ledger.finals


def test_runs():
    assert runs(os.getpid(), start_time())
    assert not runs(os.getpid(), start_time() + 1)
    assert not runs(a_dead_pid(), 5)
    assert runs(1, start_time(1))
    assert runs(1 << 70, 1), "no pid at all: in doubt it lives"


CHILD = """
    import os, sys, time
    sys.path.insert(0, {root!r})
    from pathlib import Path
    from tests.agents.files import Process
    process = Process(Path({spool!r}))
    process.hook()
    process.use(times=3)
    {then}
    print(process.incarnation, flush=True)
    {last}
"""


def start(spool: Path, *before: str, then: str = "", last: str = "time.sleep(60)") -> tuple[subprocess.Popen[str], str]:
    program = textwrap.dedent(CHILD).format(root=str(ROOT), spool=str(spool), then=then, last=last)
    child = subprocess.Popen([*before, sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def kill(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.wait()


@pytest.mark.parametrize("then", ["", "os.closerange(3, 100)"])
def test_a_process_lives_until_it_is_killed_even_if_it_closed_all_descriptors(agent, ledger, spool, then):
    child, incarnation = start(spool, then=then)
    # Not even its pid being another's would make it dead.
    agent._machine.pid_namespace = 0
    agent.round()
    assert (spool / f"{incarnation}.uses").exists()
    kill(child)
    agent.round()
    assert not (spool / f"{incarnation}.uses").exists()
    assert ledger.total == 3
    assert incarnation in ledger.finals


def test_a_process_that_became_another_program_keeps_its_file_until_that_ends(agent, spool):
    child, incarnation = start(spool, last="os.execvp('sleep', ['sleep', '60'])")
    time.sleep(0.2)
    agent.round()
    assert (spool / f"{incarnation}.uses").exists()
    kill(child)
    agent.round()
    assert not (spool / f"{incarnation}.uses").exists()


def test_a_zombie_is_over(agent, spool):
    """Its parent has not asked for its exit code; it can count no more, and the lock tells, though the pid is taken."""
    child, incarnation = start(spool, last="")
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    agent.round()
    assert not (spool / f"{incarnation}.uses").exists()
    child.wait()


@pytest.mark.skipif(not shutil.which("unshare") or os.getuid() != 0, reason="namespaces need root and unshare")
def test_a_container_of_its_own(agent, ledger, spool):
    """In a PID namespace of its own a process has a small pid, which is another's or nobody's out here."""
    child, incarnation = start(spool, "unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if not incarnation:
        pytest.skip("this machine makes no namespaces")
    agent.round()
    uses = spool / f"{incarnation}.uses"
    header = read_header(uses.read_bytes()[:4096], incarnation)
    assert header.pid < 10
    assert header.pid_namespace != Machine().pid_namespace
    assert uses.exists()
    assert ledger.total == 3
    kill(child)
    for _ in range(50):
        agent.round()
        if not uses.exists():
            break
        time.sleep(0.05)
    assert not uses.exists()
