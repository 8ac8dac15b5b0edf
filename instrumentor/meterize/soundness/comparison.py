"""Compares a code object with what was made of it: everything of the original is there, and what is between is harmless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import CodeType
from typing import Final

from meterize.cpython.opcodes import BACKWARD, LABELING, NUMBERS, RESUME, name_index

from .duplicates import check_detours, read_duplicated
from .interpretation import interpret
from .neighbours import check_neighbours
from .reading import Instruction, Reading, Unsound, check_operands, read

OUR_NAMES: Final = "__meterize_"
OUR_IMPORT: Final = "meterize_hooks"
"""What hooks ask for, and nobody else does (docs/hook-table.md)."""

_BEGINNINGS: Final = (
    ("NOP", "LOAD_GLOBAL"),
    ("NOP", "LOAD_CONST", "LOAD_GLOBAL"),
    ("LOAD_CONST", "LOAD_CONST", "IMPORT_NAME"),
)
"""How hooks, probes and the prologue begin, the last of these with a name of ours."""
_ASKING: Final = frozenset(NUMBERS[beginning[-1]] for beginning in _BEGINNINGS)

_SAME_FIELDS: Final = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_flags",
    "co_name",
    "co_qualname",
    "co_filename",
    "co_firstlineno",
    "co_varnames",
    "co_cellvars",
    "co_freevars",
)
_OF_HOOKS: Final = """
NOP LOAD_GLOBAL LOAD_CONST LOAD_ATTR LOAD_METHOD COPY SWAP BINARY_SUBSCR BINARY_OP STORE_SUBSCR PRECALL CALL IMPORT_NAME
BUILD_TUPLE JUMP_FORWARD PUSH_EXC_INFO CHECK_EXC_MATCH POP_JUMP_IF_TRUE POP_JUMP_FORWARD_IF_TRUE RERAISE POP_TOP POP_EXCEPT
"""
_HARMLESS: Final = frozenset(_OF_HOOKS.split())
"""None binds a name, returns, yields, or jumps back."""
_UNGUARDED: Final = frozenset({"NOP", "JUMP_FORWARD", "POP_EXCEPT"})

_LEFT_ALONE: Final = """
RESUME PUSH_EXC_INFO END_FOR END_SEND SEND NOT_TAKEN POP_ITER CLEANUP_THROW END_ASYNC_FOR RETURN_GENERATOR
"""
_NEVER_AFTER_HOOKS: Final = frozenset(_LEFT_ALONE.split())
"""What the interpreter jumps to, or counts on where it stands: a hook in front would be skipped, or run too often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Where the original instructions are in the new code, and the hooks between them: indices, ends exclusive.

    If there is a duplicate they are in that; ``detours`` has for each hook's first index the offset of the jump that leads to
    it and how many bytes that stands over.
    """

    new: Reading
    moved: Sequence[int]
    hooks: Sequence[range]
    detours: Mapping[int, tuple[int, int]]


def check_code(original: CodeType, emitted: CodeType) -> Alignment:
    """Raise Unsound unless ``emitted`` can run, and does what ``original`` does with hooks here and there."""
    check_fields(original, emitted)
    old = read(original)
    duplicated = read_duplicated(old, emitted)
    new = duplicated.reading if duplicated else read(emitted)
    check_operands(new)
    check_neighbours(new)
    states = interpret(new)
    entry = _entry(old) if duplicated else 0
    moved, hooks = _align(old, new, entry, len(old.instructions) if duplicated else 0)
    detours = check_detours(old, duplicated, moved, hooks) if duplicated else {}
    alignment = Alignment(new=new, moved=moved, hooks=hooks, detours=detours)
    _check_kept(old, alignment, is_duplicated=duplicated is not None)
    for hook in alignment.hooks:
        _check_hook(new, hook, states)
    _check_entries(new, alignment)
    return alignment


def check_fields(original: CodeType, emitted: CodeType) -> None:
    """Raise Unsound where something beside the instructions was changed that is not only added to."""
    for field in _SAME_FIELDS:
        if getattr(original, field) != getattr(emitted, field):
            raise Unsound(f"{field} was {getattr(original, field)!r} and is {getattr(emitted, field)!r}")
    if emitted.co_names[: len(original.co_names)] != original.co_names:
        raise Unsound("names were changed")
    before, after = original.co_consts, emitted.co_consts
    if len(after) < len(before) or not all(map(same_const, before, after)):
        raise Unsound("constants were changed")
    if not before and after and isinstance(after[0], str):
        raise Unsound("a docstring was added")
    if emitted.co_stacksize < original.co_stacksize:
        raise Unsound("there is less room for the stack")


def same_const(before: object, after: object) -> bool:
    """Whether constants are of one type and equal to the last bit; nested code is compared by itself."""
    if type(before) is not type(after):
        return False
    if isinstance(before, tuple) and isinstance(after, tuple):
        return len(before) == len(after) and all(map(same_const, before, after))
    if isinstance(before, (float, complex)):
        return repr(before) == repr(after)
    if isinstance(before, frozenset) and isinstance(after, frozenset):
        return sorted(map(repr, before)) == sorted(map(repr, after))
    if isinstance(before, slice) and isinstance(after, slice):
        return same_const((before.start, before.stop, before.step), (after.start, after.stop, after.step))
    return isinstance(before, CodeType) or before == after


def _beginnings(reading: Reading) -> set[int]:
    """The indices at which hooks begin."""
    ours = {number for number, name in enumerate(reading.code.co_names) if name.startswith((OUR_NAMES, OUR_IMPORT))}
    found = set()
    for index, one in enumerate(reading.instructions if ours else ()):
        if one.opcode in _ASKING and name_index(one.opcode, one.arg) in ours:
            for beginning in _BEGINNINGS:
                start = index + 1 - len(beginning)
                if start >= 0 and tuple(each.name for each in reading.instructions[start : index + 1]) == beginning:
                    found.add(start)
    return found


def _end_of_hook(reading: Reading, index: int) -> int:
    """Every hook jumps over its own handlers to what stands behind it."""
    for at in range(index, len(reading.instructions)):
        one = reading.instructions[at]
        if one.name == "JUMP_FORWARD" and one.target is not None and one.target < len(reading.instructions):
            return one.target
    raise reading.instructions[index].wrong("a hook without an end")


def _entry(reading: Reading) -> int:
    """The index behind the function's RESUME."""
    return 1 + next((index for index, one in enumerate(reading.instructions) if one.opcode == RESUME and one.arg & 3 == 0), -1)


def _align(old: Reading, new: Reading, entry: int, start: int) -> tuple[list[int], list[range]]:
    """Where the original's instructions from ``entry`` on are, looked for from ``start`` on, and the hooks between them."""
    moved = list(range(entry))
    hooks: list[range] = []
    beginnings, already = _beginnings(new), _beginnings(old)
    index = start
    while index < len(new.instructions):
        expected = old.instructions[len(moved)] if len(moved) < len(old.instructions) else None
        if index in beginnings and len(moved) not in already:
            hooks.append(range(index, _end_of_hook(new, index)))
            index = hooks[-1].stop
            continue
        here = new.instructions[index]
        if expected is None or here.opcode != expected.opcode:
            raise here.wrong(f"in place of {expected.name if expected else 'nothing'}")
        moved.append(index)
        index += 1
    if len(moved) != len(old.instructions):
        raise old.instructions[len(moved)].wrong("it is not there any more")
    return moved, hooks


def _check_kept(old: Reading, alignment: Alignment, *, is_duplicated: bool) -> None:
    """A duplicate jumps back to the code as compiled, where all is at the index that it had."""
    new, moved = alignment.new, alignment.moved
    behind = _behind(alignment)
    for before, index in zip(old.instructions, moved, strict=True):
        after = new.instructions[index]
        if before.position != after.position:
            raise after.wrong(f"its position was {before.position} and is {after.position}")
        if before.target is None:
            if (before.arg, before.prefixes) != (after.arg, after.prefixes):
                raise after.wrong(f"its operand was {before.arg} and is {after.arg}")
        elif after.target is None or not (
            behind.get(after.target, after.target) == moved[before.target]
            or (is_duplicated and before.opcode in BACKWARD and after.target == before.target)
        ):
            raise after.wrong("it leads elsewhere")
        elif after.prefixes < before.prefixes:
            raise after.wrong("it has lost a prefix")
        elif before.opcode in LABELING and after.target != moved[before.target]:
            raise after.wrong("it names another instruction")
        expected = before.handler and before.handler._replace(target=moved[before.handler.target])
        if after.handler != expected:
            raise after.wrong(f"its handler was {expected} and is {after.handler}")


def _behind(alignment: Alignment) -> dict[int, int]:
    """From where each hook begins, the original instruction behind it and behind the hooks that follow it: a jump to that
    instruction may end there instead."""
    behind: dict[int, int] = {}
    for hook in reversed(alignment.hooks):
        behind[hook.start] = behind.get(hook.stop, hook.stop)
    return behind


def _check_hook(new: Reading, hook: range, states: Sequence[str | None]) -> None:
    """It stands where it may, touches nothing of the application's, leaves the stack alone, and is left at its end only."""
    following = new.instructions[hook.stop]
    if following.name in _NEVER_AFTER_HOOKS:
        raise following.wrong("no hook may stand before it")
    if not any(one.opcode == RESUME and one.arg & 3 == 0 for one in new.instructions[: hook.start]):
        raise new.instructions[hook.start].wrong("the frame has not started")
    if states[hook.start] != states[hook.stop]:
        raise following.wrong(f"the stack was {states[hook.start]!r} before the hook and is {states[hook.stop]!r} behind it")
    inside = range(hook.start, hook.stop + 1)
    for one in new.instructions[hook.start : hook.stop]:
        if one.name not in _HARMLESS:
            raise one.wrong("not in a hook")
        if one.position != following.position:
            raise one.wrong(f"its position is {one.position}, and {following.position} follows")
        if one.target is not None and one.target not in inside:
            raise one.wrong("a hook leads elsewhere")
        if not (_is_guarded(one, hook) if _needs_guard(one) else one.handler == following.handler):
            raise one.wrong(f"its handler is {one.handler}, and that of what follows {following.handler}")


def _needs_guard(one: Instruction) -> bool:
    """What a hook raises must not reach the application, nor what is on its way to be raised again be handled by the hook."""
    return one.name not in _UNGUARDED and (one.name, one.arg) != ("RERAISE", 1) and (one.name, one.arg) != ("COPY", 3)


def _is_guarded(one: Instruction, hook: range) -> bool:
    return one.handler is not None and one.handler.target in hook


def _check_entries(new: Reading, alignment: Alignment) -> None:
    """Nothing outside a hook leads into it but to its first instruction."""
    owner = {index: hook for hook in alignment.hooks for index in hook}
    for index, one in enumerate(new.instructions):
        for target in (one.target, one.handler.target if one.handler else None):
            hook = owner.get(target) if target is not None else None
            if hook is not None and index not in hook and target != hook.start:
                raise one.wrong("it leads into a hook")
    for first, second in pairwise(alignment.hooks):
        if first.stop > second.start:
            raise new.instructions[second.start].wrong("a hook in a hook")
