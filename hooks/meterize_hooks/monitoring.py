"""Owns the hooks that go away by ``sys.monitoring`` (PEP 669, CPython 3.12+): nothing of theirs is in the code.

A hooked code object has local events until all its hooks have fired; CPython then runs it as if we had never been (what 3.12
would leave behind: joined.py). A hook at the entry of a function waits for PY_START, which touches its RESUME alone; any other
for INSTRUCTION events, which touch all of its instructions and are reported for each of them, once.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found] # not ``functools``, which brings ``collections``
from _weakref import ref

from .joined import byte_at, joined_pairs
from .policy import FIRST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from types import CodeType
    from typing import Any, TypeAlias

    from .accounts import Accounts
    from .hook import Hook
    from .joined import Pair

    Places: TypeAlias = "dict[int, tuple[Hook, ...]]"
    Sites: TypeAlias = "dict[int, tuple[ref[CodeType], Places, list[Hook], tuple[Pair, ...]]]"

TOOL_NAME = "meterize"
TOOL_IDS = (4, 3, 5)
"""In order of preference. 0, 1 and 2 stay free for the debugger, coverage and profiler that may come later in this process."""
ENTRY = -1
"""Stands for the offset of hooks that wait for a function to start: before whatever its first instruction may be by now."""


class MonitoringHooks:
    """Arms hooks by events; its sites are, by ``id(code)``, the hooks of a living code object: by place (an offset, or ENTRY),
    all of them, and what the code is made of while nobody watches it."""

    def __init__(self, accounts: Accounts, count: Callable[[Hook], None]) -> None:
        self._accounts = accounts
        self._count = count
        self._sites: Sites = {}
        self._monitoring: Any = getattr(sys, "monitoring", None)
        self._tool: int | None = None

    def arm(self, code: CodeType, offset: int, hook: Hook, *, at_entry: bool) -> str | None:
        """Let the hook fire before the instruction at this offset, or when the function starts. The reason if it can't."""
        if self._tool is None and not self._take_tool():
            return "no-monitoring-tool"
        key = id(code)
        if key not in self._sites:
            joined = joined_pairs(code)
            self._share(code)
            self._sites[key] = (ref(code, partial(self._sites.pop, key)), {}, [], joined)
        _, places, hooks, _ = self._sites[key]
        place = ENTRY if at_entry else offset
        here = places.get(place, ())
        if hook not in here:  # features may share a place
            hooks.append(hook)
            places[place] = (*here, hook)
        if hook.left:
            self._watch(code)
        return None

    def rearm(self, gone: set[Hook]) -> None:
        """Watch code objects of these hooks anew; what CPython has stopped reporting comes back by this."""
        if self._tool is not None:
            for reference, _, hooks, _ in list(self._sites.values()):
                code = reference()
                if code is not None and not gone.isdisjoint(hooks):
                    self._monitoring.set_local_events(self._tool, code, 0)
                    self._watch(code)

    def _watch(self, code: CodeType) -> None:
        """Where another tool disables its LINE event at an instruction, CPython leaves out the INSTRUCTION event there, once
        (3.12, 3.13: _Py_call_instrumentation_line goes on with the opcode below). Our own LINE event does arrive. A hook that
        counts several uses does without: both events would count, and of the uses that come next one more makes up for it.
        """
        places = self._sites[id(code)][1]
        lines = [place for place, here in places.items() if any(hook.policy.uses == 1 for hook in here)]
        events = self._monitoring.events
        wanted = events.PY_START if ENTRY in places else 0
        if places.keys() != {ENTRY}:
            wanted |= events.INSTRUCTION | (events.LINE if begins_line(code, lines) else 0)
        self._monitoring.set_local_events(self._tool, code, wanted)

    def _share(self, code: CodeType) -> None:
        """Let two tools have the events for a moment. When a second one comes, CPython begins to keep who wants what by
        instruction, and forgets about the first (3.12, 3.13: update_instrumentation_data); now that is behind us.
        """
        monitoring = self._monitoring
        events = monitoring.events.PY_START | monitoring.events.INSTRUCTION | monitoring.events.LINE
        for tool in TOOL_IDS:
            if tool != self._tool and _take(monitoring, tool):
                for sharing, wanted in ((tool, events), (self._tool, events), (tool, 0), (self._tool, 0)):
                    monitoring.set_local_events(sharing, code, wanted)
                monitoring.free_tool_id(tool)
                return

    def _take_tool(self) -> bool:
        monitoring = self._monitoring
        if monitoring is None:
            return False
        for tool in TOOL_IDS:
            if _take(monitoring, tool):
                for event in (monitoring.events.PY_START, monitoring.events.INSTRUCTION, monitoring.events.LINE):
                    monitoring.register_callback(tool, event, self._callback(tool, event))
                self._tool = tool
                return True
        return False

    def _callback(self, tool: int, event: int) -> Any:  # noqa: C901, PLR0915 - all of it in one frame, see below
        """What CPython calls at an event of a watched code object.

        One frame deep and without a lock, since it runs on the application's stack, wherever that stands. A signal's handler
        may raise out of it at any call: that exception is the application's and passes, and the use is either counted or the
        instruction still reported next time. Between "may it count" and the count there is no call: no thread comes there.
        """
        sites, accounts, current, count = self._sites, self._accounts, self._accounts.current.get, self._count
        set_local_events, disable = self._monitoring.set_local_events, self._monitoring.DISABLE
        frame_at, watch = sys._getframe, self._watch
        is_start, is_line = event == self._monitoring.events.PY_START, event == self._monitoring.events.LINE

        def on_event(code: CodeType, where: int) -> Any:  # noqa: C901, PLR0912
            try:
                site = sites.get(id(code))
                if site is None:
                    return disable
                here = site[1].get(ENTRY if is_start else frame_at(1).f_lasti if is_line else where)
                if here is None:
                    return disable
                for hook in here:
                    if is_line and hook.policy.uses > 1:
                        continue
                    if hook.policy.kind == FIRST:
                        row = current(accounts.default)
                        if hook.left:
                            row[hook.slot] += 1
                            hook.left -= 1
                    else:
                        count(hook)
                for other in site[2]:
                    if other.left:
                        break
                else:
                    set_local_events(tool, code, 0)
                    for other in site[2]:
                        if other.left:  # somebody woke it in the meantime
                            watch(code)
                            break
                    else:
                        for address, apart, joined, unwatched in site[3]:
                            opcode, following = byte_at(address), byte_at(address + 2)  # type: ignore[misc] # None has no pairs
                            if opcode.value == apart and following.value in unwatched:
                                opcode.value = joined
                # It goes on; or was woken in the meantime and is watched anew, which DISABLE would undo.
                for hook in here:
                    if hook.left and not (is_line and hook.policy.uses > 1):
                        return None
            except (MemoryError, RecursionError, RuntimeError, ValueError) as error:
                # No room left, a hook just added by another thread, or our tool id freed by somebody: try again next time.
                # Nothing above calls Python code but `count`, which keeps its own to itself, and in a rare race `watch`: what
                # comes out of a deeper frame was raised by a signal's handler.
                if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                    raise
                return None
            return disable

        return on_event


def begins_line(code: CodeType, offsets: Container[int]) -> bool:
    """Whether one of these offsets is where a line begins (Objects/locations.md, PEP 657).

    ``code.co_lines()`` would say, but on 3.12 it leaves a freed object behind where memory ends within it.
    """
    table, offset, has_line = code.co_linetable, 0, False
    for index, byte in enumerate(table):
        if byte & 128:
            kind = byte >> 3 & 15
            is_new = not has_line or kind in (11, 12) or (kind in (13, 14) and table[index + 1] != 0)
            has_line = kind != 15
            if is_new and has_line and offset in offsets:
                return True
            offset += 2 * (byte & 7) + 2
    return False


def _take(monitoring: Any, tool: int) -> bool:
    """Whether that tool id was free, and now is ours."""
    if monitoring.get_tool(tool) is not None:
        return False
    try:
        monitoring.use_tool_id(tool, TOOL_NAME)
    except ValueError:  # another thread was faster
        return False
    return True
