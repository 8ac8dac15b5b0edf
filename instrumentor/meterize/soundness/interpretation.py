"""An abstract interpreter: runs a code object on kinds of values instead of values, along every path.

It shares no figure with what the emission reckons by: effects are pairs of its own, and a handler's stack comes from the states
of the instructions that it protects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from meterize.cpython.effects import effect
from meterize.cpython.opcodes import LABELING, PUSH_EXC_INFO, TERMINAL

from .reading import Instruction, Reading, Unsound

VALUE, SAVED, OFFSET = "v", "s", "o"
"""Kinds: any value; the exception that PUSH_EXC_INFO saved, for POP_EXCEPT to restore; the offset that RERAISE restores."""


def _save(state: str, _: int) -> str:
    return state[:-1] + SAVED + VALUE


def _restore(state: str, _: int) -> str:
    if state[-1] != SAVED:
        raise Unsound("no saved exception is on top")
    return state[:-1]


def _reraise(state: str, arg: int) -> str:
    if arg and state[-arg - 1] != OFFSET:
        raise Unsound("the offset to restore is not in its place")
    return state[:-1]


def _copy(state: str, arg: int) -> str:
    return state + state[-arg]


def _swap(state: str, arg: int) -> str:
    return state if arg < 2 else state[:-arg] + state[-1] + state[len(state) - arg + 1 : -1] + state[-arg]


def _look(state: str, _: int) -> str:
    return state


def _add_value(state: str, _: int) -> str:
    return state + VALUE


_KEEPING_KINDS: Final[dict[str, Callable[[str, int], str]]] = {
    "PUSH_EXC_INFO": _save,
    "POP_EXCEPT": _restore,
    "RERAISE": _reraise,
    "COPY": _copy,
    "SWAP": _swap,
    "PRECALL": _look,
    "WITH_EXCEPT_START": _add_value,
}


def _step(instruction: Instruction, state: str, *, jump: bool) -> str:
    change = effect(instruction.name, instruction.arg, jump=jump)
    if change is None:
        raise Unsound("an opcode that is not known")
    if len(state) < change[0]:
        raise Unsound(f"{change[0]} values are needed and {len(state)} are there")
    keeping = _KEEPING_KINDS.get(instruction.name)
    if keeping:
        return keeping(state, instruction.arg)
    found, left = change
    return state[: len(state) - found] + VALUE * left


def _protect(instruction: Instruction, state: str) -> tuple[int, str] | None:
    """Where an exception in it would lead, and the stack there."""
    handler = instruction.handler
    if handler is None or instruction.opcode == PUSH_EXC_INFO:  # which cannot raise, and the table may or may not cover
        return None
    if len(state) < handler.depth:
        raise Unsound(f"its handler unwinds to {handler.depth} values and {len(state)} are there")
    return handler.target, state[: handler.depth] + OFFSET * handler.lasti + VALUE


def interpret(reading: Reading) -> list[str | None]:
    """The stack before each instruction that can be reached.

    Raises Unsound if two ways to one instruction disagree, if more values are there than ``co_stacksize`` has room for, or if
    an instruction does not find what it needs.
    """
    instructions = reading.instructions
    states: list[str | None] = [None] * len(instructions)
    pending, seen = [(0, "")], set()
    while pending:
        index, state = pending.pop()
        while states[index] is None:
            one = instructions[index]
            if len(state) > reading.code.co_stacksize:
                raise one.wrong(f"{len(state)} values, room for {reading.code.co_stacksize}")
            states[index] = state
            try:
                ways, behind = _ways(one, state)
            except Unsound as finding:
                raise one.wrong(str(finding)) from None
            pending += [way for way in ways if way not in seen]
            seen.update(ways)
            if behind is None:
                break
            if index + 1 == len(instructions):
                raise one.wrong("control falls off the end")
            index, state = index + 1, behind
        else:
            if states[index] != state:
                raise instructions[index].wrong(
                    f"one way leads here with {states[index]!r} on the stack, another with {state!r}"
                )
    return states


def _ways(one: Instruction, state: str) -> tuple[list[tuple[int, str]], str | None]:
    """Where control may jump from an instruction, with what on the stack; and the stack behind it if control gets there."""
    ways = []
    exceptional = _protect(one, state)
    if exceptional:
        ways.append(exceptional)
    if one.target is not None and one.opcode not in LABELING:
        ways.append((one.target, _step(one, state, jump=True)))
    behind = _step(one, state, jump=False)
    return ways, None if one.opcode in TERMINAL else behind
