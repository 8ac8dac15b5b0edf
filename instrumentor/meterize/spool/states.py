"""Owns what can be said of a running process's hooks by its files alone; the process is not touched."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .folder import USES_SUFFIX, open_regular
from .processes import ProcessUse, read_processes
from .uses_file import Header

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class State(StrEnum):
    """What a hook does: counts every use, waits for the next, sleeps until something is new, is gone, or never was there."""

    COUNTING = "counting"
    ARMED = "armed"
    ASLEEP = "asleep"
    REMOVED = "removed"
    NOT_ARMED = "not-armed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveHook:
    """A hook of a running process. ``reason`` says why it is not armed."""

    id: str
    feature: str
    package: str
    policy: str
    state: State
    uses: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProcess:
    """A running process that counts."""

    header: Header
    hooks: tuple[LiveHook, ...]


def read_states(folder: Path, now: float) -> tuple[list[LiveProcess], list[str]]:
    """The processes that run at ``now`` (seconds since 1970), and sentences about what could not be read."""
    processes, problems = read_processes(folder)
    live = []
    for process in processes:
        problems += process.problems
        if process.header is not None and _is_alive(folder, process.header):
            hooks = tuple(_live_hook(process, process.header, number, now) for number in sorted(process.hooks))
            live.append(LiveProcess(header=process.header, hooks=hooks))
    return live, problems


def _is_alive(folder: Path, header: Header) -> bool:
    """By the lock that the process holds; where it has none, by its number and when it began."""
    if not header.locked:
        return _started(header.pid) == header.started
    try:
        with open_regular(folder / f"{header.incarnation}{USES_SUFFIX}") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _started(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return -1
    return int(fields[19])


def _live_hook(process: ProcessUse, header: Header, number: int, now: float) -> LiveHook:
    hook = process.hooks[number]
    reason = next((loss[0] for loss in process.losses if loss[3] == hook.id), "")
    counts = {row: count for (one, row), count in process.counts.items() if one == number}
    return LiveHook(
        id=hook.id,
        feature=hook.feature,
        package=hook.package,
        policy=hook.policy,
        state=State.NOT_ARMED if reason else _state(hook.policy, counts, process.subjects, header.windows.get(number), now),
        uses=sum(counts.values()),
        reason=reason,
    )


def _state(policy: str, counts: dict[int, int], subjects: dict[int, str], window: int | None, now: float) -> State:
    kind, _, argument = policy.partition("=")
    uses = sum(counts.values())
    if kind == "every":
        return State.COUNTING
    if kind == "once-per-subject":
        return State.ASLEEP if counts.keys() >= {0, *subjects} else State.ARMED
    if kind == "once-per-window":
        seconds = int(argument[:-1]) * UNITS[argument[-1]] if argument[:-1].isdigit() and argument[-1] in UNITS else 1
        return State.ASLEEP if window is not None and window >= now // seconds else State.ARMED
    most = int(argument) if argument.isdigit() else 1
    return State.REMOVED if uses >= most else State.ARMED
