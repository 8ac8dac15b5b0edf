"""Owns counting by the policies that look at more than a number: once per subject, once per window of time.

The lines between "may it count" and the count hold no call: the interpreter changes threads, and hears signals, at calls and
backward jumps only (Python/ceval.c, CHECK_EVAL_BREAKER).
"""

from __future__ import annotations

from .policy import SUBJECT
from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .accounts import Accounts
    from .hook import Hook

SHORT = (MemoryError, RecursionError)


def counter(
    accounts: Accounts, note_window: Callable[[int, int], None], be_woken: Callable[[], bool]
) -> Callable[[Hook], None]:
    """What counts a use of a hook, if its policy says so, and sets ``left`` to 0 when it goes away.

    ``note_window`` is told in which window a hook has counted, by their numbers; ``be_woken`` sees to it that sleeping hooks
    come back when their window is over; where it can't, the hook has to stay.
    """
    current, now = accounts.current.get, System.time

    def count(hook: Hook) -> None:
        try:
            row, policy = current(accounts.default), hook.policy
            if policy.kind == SUBJECT:
                who, seen = id(row), hook.seen
                if who not in seen:
                    seen[who] = None
                    row[hook.slot] += 1
                known = len(seen)
                if known >= accounts.known:
                    hook.left = 0
                return
            window = int(now() // policy.seconds)
            if hook.fired < window:
                row[hook.slot] += 1
                hook.fired = window
                note_window(hook.number, window)
            if hook.woken <= window:
                hook.left = 0
            if not hook.left and not be_woken():
                hook.left = 1
        except SHORT as error:
            # What comes out of a deeper frame was raised by a signal's handler: the application's.
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                raise

    return count
