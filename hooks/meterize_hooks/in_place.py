"""Owns the hooks that go away in place (CPython 3.11): a call in the code that is jumped over once it has been made.

The call stands behind a NOP whose argument is the distance over it; with JUMP_FORWARD written over it, the NOP is that jump.
Not for 3.12+, where the hash of a code object covers its instructions (Objects/codeobject.c, code_hash).
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found] # not ``functools``, which brings ``collections``
from _weakref import ref
from types import CodeType

from .code_bytes import START, code_bytes
from .policy import FIRST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .accounts import Accounts
    from .hook import Hook

NOP = 9
JUMP_FORWARD = 110
"""Lib/opcode.py of 3.11."""
CAN_WRITE_IN_PLACE = sys.version_info[:2] == (3, 11)
SEQUENCE_BYTES = 64
"""A hook's call stands no farther behind its NOP."""


class InPlaceHooks:
    """Knows where the calls stand, retires them in living bytecode and brings them back."""

    def __init__(self, accounts: Accounts, count: Callable[[Hook], None]) -> None:
        self._accounts = accounts
        self._count = count
        self._sites: dict[str, tuple[Hook, set[tuple[int, int]]]] = {}
        self._retired: dict[tuple[int, int], tuple[ref[CodeType], int]] = {}
        self._byte_at: Callable[[int], Any] | None = None

    def arm(self, code: CodeType, offset: int, distance: int, hook: Hook) -> str | None:
        """Know the hook when its code calls. The reason if that won't do."""
        first = code.co_code[offset : offset + 2]
        if not CAN_WRITE_IN_PLACE or first not in (bytes((NOP, distance & 255)), bytes((JUMP_FORWARD, distance & 255))):
            return "not-in-place"
        if self._byte_at is None:
            self._byte_at = code_bytes()
        self._sites.setdefault(hook.id, (hook, set()))[1].add((offset, distance))
        return None

    def rearm(self) -> None:
        """Write the NOPs back."""
        for key, (reference, distance) in list(self._retired.items()):
            code, offset = reference(), key[1]
            self._retired.pop(key, None)
            if code is not None and self._byte_at is not None:
                address = id(code) + START + offset
                opcode = self._byte_at(address)
                if opcode.value == JUMP_FORWARD and self._byte_at(address + 1).value == distance:
                    opcode.value = NOP

    def callback(self) -> Callable[[str], None]:
        """What code calls with its hook's id; one frame deep and without a lock, for the reasons of monitoring's callback."""
        sites, retired, accounts, current = self._sites, self._retired, self._accounts, self._accounts.current.get
        count, frame_at = self._count, sys._getframe

        def once(hook_id: str) -> None:
            site = sites.get(hook_id)
            if site is None:
                return
            hook, places = site
            if hook.policy.kind == FIRST:
                row = current(accounts.default)
                if hook.left:
                    row[hook.slot] += 1
                    hook.left -= 1
            else:
                count(hook)
            if hook.left:
                return
            # The caller may be a copy (code.replace) of the code object that was armed: what calls is what retires.
            frame = frame_at(1)
            code, call, byte_at = frame.f_code, frame.f_lasti, self._byte_at
            for offset, distance in places:
                if byte_at is not None and offset < call <= offset + SEQUENCE_BYTES:
                    opcode = byte_at(id(code) + START + offset)
                    if opcode.value == NOP and byte_at(id(code) + START + offset + 1).value == distance:
                        key = (id(code), offset)
                        retired[key] = (ref(code, partial(retired.pop, key)), distance)
                        opcode.value = JUMP_FORWARD
            if hook.left:  # somebody woke it in the meantime, and may have found nothing retired yet
                self.rearm()

        return once
