"""Owns the hooks that go away by ``sys.monitoring`` (PEP 669, CPython 3.12+): the code itself is never touched.

A hooked code object has local INSTRUCTION events until all its hooks have fired; CPython then runs it as if we had never been.
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found] # not ``functools``, which brings ``collections``
from _weakref import ref

from .system import System

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, TypeAlias

    from .accounts import Accounts
    from .hook import Fires, OnceHook

    Sites: TypeAlias = "dict[int, tuple[ref[CodeType], dict[int, OnceHook]]]"

TOOL_NAME = "meterize"
TOOL_IDS = (4, 3, 5)
"""In order of preference. 0, 1 and 2 stay free for the debugger, coverage and profiler that may come later in this process."""


class MonitoringHooks:
    """Arms hooks by events; its sites are, by ``id(code)``, the hooks that wait at the offsets of a living code object."""

    def __init__(self, fires: Fires, accounts: Accounts) -> None:
        self._fires = fires
        self._accounts = accounts
        self._sites: Sites = {}
        self._monitoring: Any = getattr(sys, "monitoring", None)
        self._tool: int | None = None

    def arm(self, code: CodeType, offset: int, hook: OnceHook) -> str | None:
        """Let the hook fire before the instruction at this offset. The reason if it can't."""
        if self._tool is None and not self._take_tool():
            return "no-monitoring-tool"
        key = id(code)
        if key not in self._sites:
            self._sites[key] = (ref(code, partial(self._sites.pop, key)), {})
        self._sites[key][1][offset] = hook
        if hook.fired != hook.generation:
            self._watch(code)
        return None

    def rearm(self) -> None:
        """Watch every living code object anew; instructions that CPython has stopped reporting come back by this."""
        if self._tool is not None:
            for reference, _ in list(self._sites.values()):
                code = reference()
                if code is not None:
                    self._monitoring.set_local_events(self._tool, code, 0)
                    self._watch(code)

    def _watch(self, code: CodeType) -> None:
        self._monitoring.set_local_events(self._tool, code, self._monitoring.events.INSTRUCTION)

    def _take_tool(self) -> bool:
        monitoring = self._monitoring
        if monitoring is None:
            return False
        for tool in TOOL_IDS:
            if monitoring.get_tool(tool) is None:
                try:
                    monitoring.use_tool_id(tool, TOOL_NAME)
                except ValueError:  # another thread took it in between
                    continue
                monitoring.register_callback(tool, monitoring.events.INSTRUCTION, self._callback(tool))
                self._tool = tool
                return True
        return False

    def _callback(self, tool: int) -> Any:
        """What CPython calls before an instruction of a watched code object.

        One frame deep and without a lock, since it runs on the application's stack, wherever that stands. A signal's handler
        may raise out of it at any call: that exception is the application's and passes, and the fire is either stored or the
        instruction still reported next time.
        """
        sites, fires = self._sites, self._fires
        current, default, subjects = self._accounts.current.get, self._accounts.default.row, self._accounts.subjects
        now, set_local_events, disable = System.time, self._monitoring.set_local_events, self._monitoring.DISABLE

        def on_instruction(code: CodeType, offset: int) -> Any:
            try:
                site = sites.get(id(code))
                if site is None:
                    return disable
                hooks = site[1]
                hook = hooks.get(offset)
                if hook is None:
                    return disable
                generation = hook.generation
                if hook.fired != generation:
                    fires[hook, generation] = (subjects[id(current(default))], now())
                    hook.fired = generation
                for other in hooks.values():
                    if other.fired != other.generation:
                        return disable
                set_local_events(tool, code, 0)
            except (MemoryError, RecursionError, RuntimeError, ValueError):
                # No room left, a hook just added by another thread, or our tool id freed by somebody: try again next time.
                return None
            return disable

        return on_instruction
