"""Puts hook sequences between the instructions of one code object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import CodeType

from meterize.cpython.instructions import Handler, Instruction, assemble, decode
from meterize.cpython.opcodes import NUMBERS
from meterize.cpython.sequences import NEXT, Step
from meterize.cpython.stack import depths
from meterize.errors import InternalError


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """Steps to put before the instruction at ``index``. Jumps to that instruction run them too, unless ``passed_once``."""

    index: int
    steps: tuple[Step, ...]
    passed_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Spliced:
    """The new code, and what is decoded from it again: ``before`` are the old instructions, ``after`` the new.

    ``starts`` are the indices in ``after`` at which the insertions begin, in the order given; ``moved`` those of the old
    instructions.
    """

    code: CodeType
    before: Sequence[Instruction]
    after: Sequence[Instruction]
    starts: tuple[int, ...]
    moved: tuple[int, ...]


class _Pool:
    """Names or constants, appended to and never reordered, so that paths to nested code stay."""

    def __init__(self, present: tuple[object, ...], *, reuse_present: bool) -> None:
        self.values = list(present)
        self._index: dict[tuple[type, object], int] = {}
        if reuse_present:
            self._index = {(type(value), value): index for index, value in enumerate(present)}

    def index(self, value: object) -> int:
        key = (type(value), value)
        if key not in self._index:
            self._index[key] = len(self.values)
            self.values.append(value)
        return self._index[key]


def _constants(consts: tuple[object, ...]) -> _Pool:
    """A function's first constant is its docstring if it is a text (Objects/funcobject.c), so ours is never the first."""
    return _Pool(consts or (None,), reuse_present=False)


def _operand(step: Step, names: _Pool, consts: _Pool) -> int:
    if step.const is not None:
        return consts.index(step.const.value)
    if step.name is None:
        return step.arg
    index = names.index(step.name)
    return index if step.flag is None else index << 1 | step.flag


def _place(
    steps: Sequence[Step], following: Instruction, depth: int, base: int, run: int, names: _Pool, consts: _Pool
) -> list[Instruction]:
    """The steps as instructions from index ``base`` on, at the position of the instruction that follows (PEP 657)."""
    labels = {step.label: base + at for at, step in enumerate(steps) if step.label}
    labels[NEXT] = base + len(steps)
    placed = []
    for step in steps:
        handler = following.handler
        if step.guard:
            target = labels[step.guard.label]
            handler = Handler(target=target, depth=depth + step.guard.above, lasti=step.guard.lasti, entry=~target)
        placed.append(
            Instruction(
                opcode=NUMBERS[step.opcode],
                arg=_operand(step, names, consts),
                target=labels[step.jump] if step.jump else None,
                handler=handler,
                position=following.position,
                run=run,
            )
        )
    return placed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Which insertions stand before each old instruction, in order; where jumps to it end and where it lands: new indices."""

    groups: Sequence[Sequence[int]]
    heads: Sequence[int]
    moved: Sequence[int]


def _lay(count: int, insertions: Sequence[Insertion]) -> _Plan:
    groups: list[list[int]] = [[] for _ in range(count)]
    for number in sorted(range(len(insertions)), key=lambda n: not insertions[n].passed_once):
        groups[insertions[number].index].append(number)
    heads, moved, total = [], [], 0
    for group in groups:
        heads.append(total + sum(len(insertions[n].steps) for n in group if insertions[n].passed_once))
        total += sum(len(insertions[n].steps) for n in group)
        moved.append(total)
        total += 1
    return _Plan(groups=groups, heads=heads, moved=moved)


def _relocate(instruction: Instruction, plan: _Plan) -> Instruction:
    handler = instruction.handler
    if instruction.target is None and handler is None:
        return instruction
    return replace(
        instruction,
        target=None if instruction.target is None else plan.heads[instruction.target],
        handler=handler and replace(handler, target=plan.moved[handler.target]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Woven:
    """Old instructions and hooks in their new order, not yet assembled; ``starts`` and ``moved`` as in ``Spliced``."""

    instructions: Sequence[Instruction]
    names: tuple[str, ...]
    consts: tuple[object, ...]
    stack_size: int
    starts: Sequence[int]
    moved: Sequence[int]


def weave(
    code: CodeType, before: Sequence[Instruction], insertions: Sequence[Insertion], consts: tuple[object, ...] | None = None
) -> Woven:
    """What ``splice`` assembles."""
    names, pool = _Pool(code.co_names, reuse_present=True), _constants(consts or code.co_consts)
    depth_at = depths(before)
    plan = _lay(len(before), insertions)
    new: list[Instruction] = []
    starts = [0] * len(insertions)
    for index, instruction in enumerate(before):
        here = _relocate(instruction, plan)
        for number in plan.groups[index]:
            depth = depth_at[index]
            if depth is None:
                raise InternalError(f"a hook before unreachable code: {code.co_qualname}, instruction {index}")
            starts[number] = len(new)
            new += _place(insertions[number].steps, here, depth, len(new), -1 - number, names, pool)
        new.append(here)
    return Woven(
        instructions=new,
        names=tuple(map(str, names.values)),
        consts=tuple(pool.values),
        stack_size=max(depth for depth in depths(new) if depth is not None),
        starts=starts,
        moved=plan.moved,
    )


def splice(
    code: CodeType,
    before: Sequence[Instruction],
    insertions: Sequence[Insertion],
    consts: tuple[object, ...] | None = None,
) -> Spliced:
    """``code``, whose instructions are ``before``, with the insertions, those at one place in the order given.

    ``consts`` replaces its constants, one for one.
    """
    woven = weave(code, before, insertions, consts)
    result = put_together(code, woven.instructions, woven)
    return Spliced(code=result, before=before, after=decode(result), starts=tuple(woven.starts), moved=tuple(woven.moved))


def put_together(code: CodeType, instructions: Sequence[Instruction], woven: Woven) -> CodeType:
    """``code`` with these instructions and what they need."""
    return assemble(code, instructions, names=woven.names, consts=woven.consts, stack_size=woven.stack_size)
