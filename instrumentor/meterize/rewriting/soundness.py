"""Checks emitted code before it is handed out: a bad rewrite is our bug, and must not reach anybody's files."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from types import CodeType

from meterize.cpython.instructions import Handler, Instruction
from meterize.cpython.interpretation import Unsound, interpret
from meterize.cpython.opcodes import INDEXES_CONSTS, name_index
from meterize.cpython.tables import decode_exceptions
from meterize.errors import InternalError

from .splicing import Spliced


def check(original: CodeType, spliced: Spliced) -> None:
    """Raise InternalError unless the code can run and every old instruction does what it did, where it was put.

    Jumps land on instructions, names and constants exist, the exception table is in order, stack depths agree along every
    path and fit; each old instruction has its operand, positions, jump target and handler; nothing was taken from the lists.
    """
    code = spliced.code
    try:
        _check_tables(code, spliced.after)
        interpret(spliced.after, code.co_stacksize)
        _check_kept(spliced.before, spliced.after, spliced.moved)
        _check_lists(original, code)
    except (Unsound, IndexError) as finding:
        raise InternalError(
            f"the rewritten code of {original.co_qualname} would not be sound: {finding}",
            details=(f"{original.co_filename}:{original.co_firstlineno}",),
        ) from finding


def _check_tables(code: CodeType, instructions: Sequence[Instruction]) -> None:
    entries = list(decode_exceptions(code))
    if any(one.start >= one.end for one in entries) or any(one.end > other.start for one, other in pairwise(entries)):
        raise Unsound("the exception table is out of order")
    for one in instructions:
        if one.opcode in INDEXES_CONSTS and one.arg >= len(code.co_consts):
            raise Unsound(f"no constant {one.arg}")
        name = name_index(one.opcode, one.arg)
        if name is not None and name >= len(code.co_names):
            raise Unsound(f"no name {name}")


def _check_kept(old: Sequence[Instruction], new: Sequence[Instruction], at: Sequence[int]) -> None:
    """Each old instruction is what it was, at the index that ``at`` gives for it."""
    if list(at) != sorted(set(at)) or len(at) != len(old):
        raise Unsound("old instructions changed order or number")
    for before, index in zip(old, at, strict=True):
        after = new[index]
        if (before.opcode, before.position) != (after.opcode, after.position):
            raise Unsound(f"{before.name} at {before.offset} became {after.name} or moved in the source")
        if before.target is None and before.arg != after.arg:
            raise Unsound(f"{before.name} at {before.offset} has another operand")
        # A jump may end at the hooks in front of its target instead: the next old instruction is the target all the same.
        if before.target is not None and (after.target is None or bisect_left(at, after.target) != before.target):
            raise Unsound(f"{before.name} at {before.offset} jumps elsewhere")
        if not _same_handler(before.handler, after.handler, at):
            raise Unsound(f"{before.name} at {before.offset} has another handler")


def _same_handler(before: Handler | None, after: Handler | None, at: Sequence[int]) -> bool:
    if before is None or after is None:
        return before is after
    return (at[before.target], before.depth, before.lasti) == (after.target, after.depth, after.lasti)


def _check_lists(original: CodeType, code: CodeType) -> None:
    if code.co_names[: len(original.co_names)] != original.co_names:
        raise Unsound("names were changed")
    consts = code.co_consts[: len(original.co_consts)]
    for before, after in zip(original.co_consts, consts, strict=True):
        if before is not after and not (isinstance(before, CodeType) and isinstance(after, CodeType)):
            raise Unsound("constants were changed")
