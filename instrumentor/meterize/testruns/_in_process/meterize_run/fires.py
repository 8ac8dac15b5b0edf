"""Notes how many uses each hook of a metered package counted, test by test, as its runtime tells; and what warned."""

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

from .children import Children
from .contexts import Contexts
from .journal import quote
from .warned import Warned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def start_fires(contexts: Contexts, children: Children) -> None:
    """Ask the runtime at each test's begin and end, and as the process ends; note what warns in between."""
    fires, warned = Fires(contexts), Warned()
    warned.watch(contexts.journal)

    def take() -> str:
        return ",".join(filter(None, (fires.take(), warned.take())))

    def forked() -> None:
        warned.renew()
        fires.forked()

    contexts.take, contexts.on_begin = take, fires.rearm
    children.on_fork(forked)
    fires.write_before_sigterm()
    atexit.register(contexts.finish)
    os._exit = _written_first(os._exit, contexts)
    os.execv, os.execve = _written_first(os.execv, contexts), _written_first(os.execve, contexts)


def _written_first(end: Callable[..., Any], contexts: Contexts) -> Callable[..., Any]:
    """``end``, which leaves the process without ``atexit``."""

    def end_written(*arguments: Any, **keywords: Any) -> Any:
        try:
            contexts.finish()
        except Exception as error:  # noqa: BLE001  # the process shall end as it was told to
            contexts.journal.note("trouble", repr(error))
        return end(*arguments, **keywords)

    end_written.__name__ = end_written.__qualname__ = end.__name__
    end_written.__doc__ = end.__doc__
    return end_written


class Fires:
    """Asks the runtime through the door that it leaves in ``builtins`` once a metered module is imported."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._before: dict[str, int] = {}
        self._armed: tuple[str, ...] = ()

    def rearm(self) -> None:
        """A hook that goes away fires once a process; here it shall fire once a test."""
        door: Any = builtins.__dict__.get("__meterize__")
        if door is not None:
            door.rearm()

    def take(self) -> str:
        """Uses counted since the last time, by hook."""
        door: Any = builtins.__dict__.get("__meterize__")
        if door is None:
            return ""
        armed = tuple(door.hooks)
        if armed != self._armed:
            self._armed = armed
            self._contexts.journal.add(f'{{"armed":[{",".join(map(quote, armed))}]}}')
        before, self._before = self._before, dict(door.snapshot())
        fired = {hook: count - before.get(hook, 0) for hook, count in self._before.items()}
        members = ",".join([f"{quote(hook)}:{count}" for hook, count in fired.items() if count])
        return f'"fires":{{{members}}}' if members else ""

    def forked(self) -> None:
        """In a forked child the runtime counts from 0."""
        self._before = {}
        self.write_before_sigterm()

    def write_before_sigterm(self) -> None:
        """Servers and a pool's workers are ended by SIGTERM: write first, unless the process has plans for it."""
        if getsignal(SIGTERM) is SIG_DFL:
            signal(SIGTERM, self._terminated)

    def _terminated(self, number: int, frame: object) -> None:  # noqa: ARG002
        self._contexts.finish()
        signal(SIGTERM, SIG_DFL)
        os.kill(os.getpid(), SIGTERM)
