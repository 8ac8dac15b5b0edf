"""The hook sequences: what is put in front of an instruction, step by step.

Common to all that run in the application's functions: a NOP outside the guard, so that an exception that a line tracer
raises there belongs to the application; the work, guarded; a jump over the guard's own code; the guard.
The guard swallows the hook's own absence and nothing else: a missing first name means that there is no runtime,
anything later is matched against the types in ``__meterize_guard__`` and raised again if it is not one of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from .opcodes import NUMBERS, SUBSCRIPT_OPERATION
from .versions import LOAD_ATTR_CARRIES_METHOD_BIT

DOOR: Final = "__meterize__"
ONCE: Final = "__meterize_once__"
GUARD: Final = "__meterize_guard__"
PROBES: Final = "__meterize_probes__"
ENTRIES: Final = "__meterize_entries__"
RUNTIME: Final = "meterize_hooks"

NEXT: Final = "next"
"""The label of the instruction that a sequence stands in front of."""

_IN_PLACE_ADD: Final = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A handler inside the sequence: its label, how many values above the site's own depth stay, whether lasti is pushed."""

    label: str
    above: int = 0
    lasti: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Const:
    """A constant operand, which may be None."""

    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of a sequence.

    ``name`` or ``const`` is what the operand means; it becomes an index when the sequence is placed, shifted by one in front of
    the ``flag`` where the opcode has one. ``jump`` is a label. Without a ``guard`` the step has the handler of the instruction
    that follows.
    """

    opcode: str
    arg: int = 0
    name: str | None = None
    const: Const | None = None
    flag: int | None = None
    jump: str | None = None
    label: str | None = None
    guard: Guard | None = None


def slot_name(hook_id: str) -> str:
    """The name in ``builtins`` of a hook's process-wide slot number."""
    return f"__meterize_slot_{hashlib.sha256(hook_id.encode()).hexdigest()[:16]}__"


_ABSENT: Final = Guard(label="absent")
_FILTER: Final = Guard(label="filter")
_UNWIND: Final = Guard(label="unwind", above=1, lasti=True)

_JUMP_IF_TRUE: Final = next(name for name in ("POP_JUMP_IF_TRUE", "POP_JUMP_FORWARD_IF_TRUE") if name in NUMBERS)


def _load_global(name: str, guard: Guard, *, push_null: bool = False, label: str | None = None) -> Step:
    return Step(opcode="LOAD_GLOBAL", name=name, flag=int(push_null), guard=guard, label=label)


def _load_attr(name: str, guard: Guard) -> Step:
    return Step(opcode="LOAD_ATTR", name=name, flag=0 if LOAD_ATTR_CARRIES_METHOD_BIT else None, guard=guard)


def _load_method(name: str, guard: Guard) -> Step:
    """The attribute and what CALL wants beside it, in the order that this version wants them."""
    if LOAD_ATTR_CARRIES_METHOD_BIT:
        return Step(opcode="LOAD_ATTR", name=name, flag=1, guard=guard)
    return Step(opcode="LOAD_METHOD", name=name, guard=guard)


def _load_const(const: object, guard: Guard) -> Step:
    return Step(opcode="LOAD_CONST", const=Const(value=const), guard=guard)


def _subscript(guard: Guard) -> Step:
    if SUBSCRIPT_OPERATION is None:
        return Step(opcode="BINARY_SUBSCR", guard=guard)
    return Step(opcode="BINARY_OP", arg=SUBSCRIPT_OPERATION, guard=guard)


def _call(guard: Guard) -> tuple[Step, ...]:
    """Call with one argument."""
    names = ("PRECALL", "CALL") if "PRECALL" in NUMBERS else ("CALL",)
    return tuple(Step(opcode=name, arg=1, guard=guard) for name in names)


_MATCHING: Final = (
    Step(opcode="CHECK_EXC_MATCH", guard=_UNWIND),
    Step(opcode=_JUMP_IF_TRUE, jump="drop", guard=_UNWIND),
    Step(opcode="RERAISE", arg=0, guard=_UNWIND),
)

_UNWINDING: Final = (
    Step(opcode="COPY", arg=3, label="unwind"),
    Step(opcode="POP_EXCEPT"),
    Step(opcode="RERAISE", arg=1),
)

_DROPPING: Final = (
    Step(opcode="PUSH_EXC_INFO", label="absent", guard=_UNWIND),
    Step(opcode="POP_TOP", label="drop", guard=_UNWIND),
    Step(opcode="POP_EXCEPT"),
)

_GUARDING: Final = (
    Step(opcode="PUSH_EXC_INFO", label="filter", guard=_UNWIND),
    _load_global(GUARD, _UNWIND),
    *_MATCHING,
    *_UNWINDING,
    *_DROPPING,
)


def count_every(hook_id: str) -> tuple[Step, ...]:
    """``__meterize__.counts[slot] += 1``: no call, and so no place where a signal or another thread comes in."""
    return (
        Step(opcode="NOP"),
        _load_global(DOOR, _ABSENT),
        _load_attr("counts", _FILTER),
        _load_global(slot_name(hook_id), _FILTER),
        Step(opcode="COPY", arg=2, guard=_FILTER),
        Step(opcode="COPY", arg=2, guard=_FILTER),
        _subscript(_FILTER),
        _load_const(1, _FILTER),
        Step(opcode="BINARY_OP", arg=_IN_PLACE_ADD, guard=_FILTER),
        Step(opcode="SWAP", arg=3, guard=_FILTER),
        Step(opcode="SWAP", arg=2, guard=_FILTER),
        Step(opcode="STORE_SUBSCR", guard=_FILTER),
        Step(opcode="JUMP_FORWARD", jump=NEXT),
        *_GUARDING,
    )


def call_once(hook_id: str) -> tuple[Step, ...]:
    """``__meterize_once__(hook_id)``, which writes JUMP_FORWARD over the first byte: the NOP's operand is the distance."""
    return (
        Step(opcode="NOP", jump=NEXT),
        _load_global(ONCE, _ABSENT, push_null=True),
        _load_const(hook_id, _FILTER),
        *_call(_FILTER),
        Step(opcode="POP_TOP", guard=_FILTER),
        Step(opcode="JUMP_FORWARD", jump=NEXT),
        *_GUARDING,
    )


def mark_probe(number: int) -> tuple[Step, ...]:
    """``__meterize_probes__[number] = 1``, without a call: whatever is raised in there is its own, and is dropped."""
    return (
        *_marking(number),
        Step(opcode="JUMP_FORWARD", jump=NEXT),
        *_UNWINDING,
        *_DROPPING,
    )


def mark_entry(number: int) -> tuple[Step, ...]:
    """As ``mark_probe``, and ``__meterize_entries__[number]``, which calls somebody until it knows the number."""
    return (
        *_marking(number),
        _load_global(ENTRIES, _ABSENT),
        _load_const(number, _FILTER),
        _subscript(_FILTER),
        Step(opcode="POP_TOP", guard=_FILTER),
        Step(opcode="JUMP_FORWARD", jump=NEXT),
        *_GUARDING,
    )


def _marking(number: int) -> tuple[Step, ...]:
    return (
        Step(opcode="NOP"),
        _load_const(1, _ABSENT),
        _load_global(PROBES, _ABSENT),
        _load_const(number, _ABSENT),
        Step(opcode="STORE_SUBSCR", guard=_ABSENT),
    )


_ARMING_MAY_FAIL_WITH: Final = (
    "ImportError", "AttributeError", "NameError", "TypeError", "RecursionError", "MemoryError",
    "OSError", "SyntaxError", "EOFError", "ValueError",
)  # fmt: skip
"""The last four: a runtime whose files cannot be read, or were damaged."""


def arm_module(table: tuple[object, ...]) -> tuple[Step, ...]:
    """``import meterize_hooks as m; m.arm(table)``, guarded; nothing stays on the stack or in the module's names.

    It runs before ``__meterize_guard__`` exists, so it names the types that it swallows.
    """
    return (
        _load_const(0, _FILTER),
        _load_const(None, _FILTER),
        Step(opcode="IMPORT_NAME", name=RUNTIME, guard=_FILTER),
        _load_method("arm", _FILTER),
        _load_const(table, _FILTER),
        *_call(_FILTER),
        Step(opcode="POP_TOP", guard=_FILTER),
        Step(opcode="JUMP_FORWARD", jump=NEXT),
        Step(opcode="PUSH_EXC_INFO", label="filter", guard=_UNWIND),
        *(_load_global(name, _UNWIND) for name in _ARMING_MAY_FAIL_WITH),
        Step(opcode="BUILD_TUPLE", arg=len(_ARMING_MAY_FAIL_WITH), guard=_UNWIND),
        *_MATCHING,
        *_UNWINDING,
        Step(opcode="POP_TOP", label="drop", guard=_UNWIND),
        Step(opcode="POP_EXCEPT"),
    )
