"""Notes how many uses each hook of a metered package counted, test by test, as its runtime tells."""

from __future__ import annotations

import atexit
import builtins
import os
from _signal import (  # type: ignore[import-not-found]  # the signal module itself would load enum
    SIG_DFL,
    SIGTERM,
    getsignal,
    signal,
)
from collections.abc import Callable
from typing import Any

from . import children, contexts, journal
from .journal import quote

_before: dict[str, int] = {}
_armed: tuple[str, ...] = ()


def start() -> None:
    """Ask the runtime at each test's begin and end, and as the process ends."""
    contexts.take, contexts.rearm = take, rearm
    children.on_fork(_forked)
    atexit.register(contexts.finish)
    os._exit, os.execv, os.execve = _ending(os._exit), _ending(os.execv), _ending(os.execve)


def _ending(end: Callable[..., Any]) -> Callable[..., Any]:
    """``end`` leaves this process without ``atexit``: write first."""

    def end_written(*arguments: Any, **keywords: Any) -> Any:
        try:
            contexts.finish()
        except Exception as error:  # noqa: BLE001
            journal.note("trouble", repr(error))
        return end(*arguments, **keywords)

    end_written.__name__ = end_written.__qualname__ = end.__name__
    return end_written


def _door() -> Any:
    return builtins.__dict__.get("__meterize__")


def rearm() -> None:
    """A hook that goes away fires once a process; here it shall fire once a test."""
    door = _door()
    if door is not None:
        door.rearm()


def take() -> str:
    """Uses counted since the last time, by hook."""
    global _before, _armed
    door = _door()
    if door is None:
        return ""
    now = dict(door.snapshot())
    fired = {hook: count - _before.get(hook, 0) for hook, count in now.items() if count != _before.get(hook, 0)}
    _before = now
    armed = tuple(door.hooks)
    if armed != _armed:
        _armed = armed
        journal.add(f'{{"armed":[{",".join(map(quote, armed))}]}}')
    return f'"fires":{{{",".join(f"{quote(hook)}:{count}" for hook, count in fired.items())}}}' if fired else ""


def _forked() -> None:
    """What the parent counted is not the child's. Workers of a pool end by SIGTERM: they write first, if nobody minds."""
    global _before
    door = _door()
    _before = dict(door.snapshot()) if door is not None else {}
    if getsignal(SIGTERM) is SIG_DFL:
        signal(SIGTERM, _terminated)


def _terminated(number: int, frame: object) -> None:
    contexts.finish()
    signal(SIGTERM, SIG_DFL)
    os.kill(os.getpid(), SIGTERM)
