"""Owns the hooks that go away in place (CPython 3.11): a call in the code that is not come by any more once it has been made.

The call stands behind a NOP whose argument is the distance over it; with JUMP_FORWARD written over it, the NOP is that jump.
Where it can be, the NOP stands in a duplicate of the code, to which a detour leads from the code as it was compiled; then what
the detour stands over is put back, too (docs/hook-table.md).
Not for 3.12+, where the hash of a code object covers its instructions (Objects/codeobject.c, code_hash).
"""

from __future__ import annotations

import sys
from _functools import partial  # type: ignore[import-not-found] # not ``functools``, which brings ``collections``
from _weakref import ref

from .code_bytes import START, code_bytes, code_spans
from .policy import FIRST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    from .accounts import Accounts
    from .hook import Hook

NOP = 9
JUMP_FORWARD = 110
EXTENDED_ARG = 144
"""Lib/opcode.py of 3.11."""
CAN_WRITE_IN_PLACE = sys.version_info[:2] == (3, 11)
SEQUENCE_BYTES = 64
"""A hook's call stands no farther behind its NOP."""


class Site:
    """Where a code object has a hook: at ``offset`` its NOP, which jumps over ``distance`` units when it goes away; at
    ``detour``, if there is one, a jump to it, in place of an instruction of ``size`` bytes that stands behind the hook, at
    ``following``.

    While the hook waits, ``waiting`` is at the detour; ``fixed`` are those of its bytes that CPython leaves alone: of a prefix
    it has another form (EXTENDED_ARG_QUICK). ``span_at`` gives so many bytes of memory, by their address.
    """

    __slots__ = ("detour", "distance", "fixed", "following", "offset", "size", "span_at", "standing", "waiting")

    def __init__(self, offset: int, distance: int, detour: int, size: int) -> None:
        self.offset = offset
        self.distance = distance
        self.following = offset + 2 + 2 * distance
        self.detour = detour
        self.size = size
        jump = _jump(detour, offset) if size else b""
        self.waiting = jump + bytes(size - len(jump))  # caches that were left there would be read as instructions
        self.fixed = slice(int(len(jump) > 2), len(jump))
        self.standing = jump[self.fixed]
        self.span_at: Callable[[int], Any] | None = None

    def is_in(self, bytecode: bytes) -> bool:
        """Whether this is what stands there."""
        first = bytecode[self.offset : self.offset + 2]
        covered = bytecode[self.detour : self.detour + self.size]
        return (
            first in (bytes((NOP, self.distance)), bytes((JUMP_FORWARD, self.distance)))
            and self.following + self.size <= len(bytecode)
            and len(covered) == self.size == len(self.waiting)
            and covered[self.fixed.start :] == self.waiting[self.fixed.start :]
        )


def _jump(start: int, end: int) -> bytes:
    distance = (end - start) // 2 - 1
    if distance < 256:
        return bytes((JUMP_FORWARD, distance))
    distance -= 1
    return bytes((EXTENDED_ARG, distance >> 8, JUMP_FORWARD, distance & 255))


class InPlaceHooks:
    """Knows where the calls stand, retires them in living bytecode and brings them back."""

    def __init__(self, accounts: Accounts, count: Callable[[Hook], None]) -> None:
        self._accounts = accounts
        self._count = count
        self._sites: dict[str, tuple[Hook, dict[tuple[int, int], Site]]] = {}
        self._retired: dict[tuple[int, int], tuple[ref[CodeType], Site]] = {}
        self._byte_at: Callable[[int], Any] | None = None
        self._spans: Callable[[int], Callable[[int], Any]] | None = None

    def arm(self, code: CodeType, offset: int, extra: int, hook: Hook) -> str | None:
        """Know the hook when its code calls. The reason if that won't do."""
        if (id(code), offset) in self._retired:  # its module's code is run once more
            return None
        if not CAN_WRITE_IN_PLACE or not 0 <= extra >> 8 < offset:
            return "not-in-place"
        bytecode: bytes = code._co_code_adaptive  # type: ignore[attr-defined] # of co_code the interpreter keeps a copy
        site = Site(offset, bytecode[offset + 1], extra >> 8, extra & 255)
        if not site.is_in(bytecode):
            return "not-in-place"
        if self._byte_at is None:
            self._byte_at = code_bytes()
        if self._byte_at is not None and site.size:
            self._spans = self._spans or code_spans()
            site.span_at = self._spans(site.size)
        self._sites.setdefault(hook.id, (hook, {}))[1][offset, extra] = site
        return None

    def rearm(self) -> None:
        """Write the NOPs and the detours back."""
        retired, byte_at = self._retired, self._byte_at
        for key, entry in list(retired.items()):
            reference, site = entry
            code = reference()
            if code is None or byte_at is None:
                retired.pop(key, None)
                continue
            start = id(code) + START
            opcode, distance = byte_at(start + site.offset), byte_at(start + site.offset + 1)
            covered = site.span_at(start + site.detour) if site.span_at is not None else None
            # No call from here on: neither a thread nor a signal comes between.
            if key in retired and retired[key] is entry:
                del retired[key]
                if opcode.value == JUMP_FORWARD and distance.value == site.distance:
                    if covered is not None:
                        covered.raw = site.waiting
                    opcode.value = NOP

    def callback(self) -> Callable[[str], None]:  # noqa: C901, PLR0915 - all of it in one frame
        """What code calls with its hook's id; one frame deep and without a lock, for the reasons of monitoring's callback."""
        sites, retired, accounts, current = self._sites, self._retired, self._accounts, self._accounts.current.get
        count, frame_at = self._count, sys._getframe

        def once(hook_id: str) -> None:  # noqa: C901, PLR0915
            known = sites.get(hook_id)
            if known is None:
                return
            hook, places = known
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
            start = id(code) + START
            # A debugger can only move a frame to a line of code that a jump leads to (Objects/frameobject.c, mark_stacks):
            # where one looks at this frame, which goes on behind the hook, the detour stays.
            is_watched = frame.f_trace is not None
            for site in tuple(places.values()):
                if byte_at is None or not site.offset < call <= site.offset + SEQUENCE_BYTES:
                    continue
                opcode, distance = byte_at(start + site.offset), byte_at(start + site.offset + 1)
                covered = again = None
                if site.span_at is not None:
                    covered, again = site.span_at(start + site.detour), site.span_at(start + site.following)
                key = (id(code), site.offset)
                entry = (ref(code, partial(retired.pop, key)), site)
                # No call from here on: neither a thread nor a signal comes between.
                # Of another version of this code the hook may be at the same offset, but not the detour.
                is_here = covered is None or covered.raw[site.fixed] == site.standing
                if opcode.value == NOP and distance.value == site.distance and is_here:
                    retired[key] = entry
                    if covered is not None and again is not None and not is_watched:
                        covered.raw = again.raw
                    opcode.value = JUMP_FORWARD
            if hook.left:  # somebody woke it in the meantime, and may have found nothing retired yet
                self.rearm()

        return once
