"""Ends the processes of a command: each may clean up first, and none is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SHELL: Final = "/bin/sh"

_WAYS: Final = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0))
"""What is tried before SIGKILL, and the seconds for cleaning up. Python just ends at SIGTERM: only of SIGINT do `finally`,
fixtures and `TemporaryDirectory` hear."""
_SHELL_SECONDS: Final = 1.0
"""For the shell alone, which has a trap at most; dash loses SIGINT if it comes while a command is being started."""
_LOOK_SECONDS: Final = 0.05
_PROCESSES: Final = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """A living process of a group; ``catches``: it has a handler for the signal in question."""

    pid: int
    parent: int
    catches: bool


@contextlib.contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever happens inside, Ctrl-C included: no process of the group is left afterwards, and each could clean up."""
    try:
        yield
    except BaseException:
        for number, seconds in _WAYS:
            with contextlib.suppress(KeyboardInterrupt):  # who is in a hurry need not wait
                _end_by(process, number, seconds)
        raise
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _end_by(process: subprocess.Popen[bytes], number: signal.Signals, seconds: float) -> None:
    """Wait for those who have a handler for the signal: they may be cleaning up, while the shell around them ended at once.
    Who has none is gone already, or deaf."""
    told = {member.pid for member in _members(process.pid, number)}
    _signal_group(process, number)
    if not _PROCESSES.is_dir():  # only Linux tells; elsewhere the shell's own end has to do
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    began = time.monotonic()
    while busy := [member for member in _members(process.pid, number) if member.catches]:
        is_shell = _is_shell(process.pid)
        lone_shell = is_shell and [member.pid for member in busy] == [process.pid]
        if time.monotonic() - began > (_SHELL_SECONDS if lone_shell else seconds):
            return
        for late in busy:  # what the shell has started since is the command itself, and no part of anybody's cleaning up
            if is_shell and late.parent == process.pid and late.pid not in told:
                told.add(late.pid)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(late.pid, number)
        time.sleep(_LOOK_SECONDS)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # Its own children may outlive the shell: the group is addressed by its leader's id even then.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _members(group: int, number: signal.Signals) -> Iterator[_Member]:
    """Those that live; see proc(5)."""
    for one in _PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):  # gone by now
            state, parent, its_group, *_ = (one / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(its_group) == group and state != "Z":
                caught = (one / "status").read_text(errors="replace").partition("SigCgt:")[2].split(maxsplit=1)[0]
                yield _Member(pid=int(one.name), parent=int(parent), catches=bool(int(caught, 16) >> (number - 1) & 1))


def _is_shell(pid: int) -> bool:
    """Whether the leader is still the shell: where it has nothing else to do it becomes its command."""
    with contextlib.suppress(OSError):  # gone by now
        return (_PROCESSES / str(pid) / "exe").samefile(SHELL)
    return False
