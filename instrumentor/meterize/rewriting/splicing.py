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
    """The new code, where each insertion begins in it (in the order given), and where each old instruction begins now, with
    its prefixes; byte offsets."""

    code: CodeType
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


def _moved_handler(handler: Handler | None, moved: Sequence[int]) -> Handler | None:
    return handler and replace(handler, target=moved[handler.target])


def splice(code: CodeType, insertions: Sequence[Insertion], consts: tuple[object, ...] | None = None) -> Spliced:
    """``code`` with the insertions, those at one place in the order given; ``consts`` replaces its constants one for one."""
    old = decode(code)
    depth_at = depths(old)
    names, pool = _Pool(code.co_names, reuse_present=True), _constants(consts or code.co_consts)
    at: dict[int, list[int]] = {}
    for number, insertion in enumerate(insertions):
        at.setdefault(insertion.index, []).append(number)
    heads, moved, total = [], [], 0
    for index in range(len(old)):
        group = [insertions[number] for number in at.get(index, ())]
        once = sum(len(one.steps) for one in group if one.passed_once)
        heads.append(total + once)
        total += sum(len(one.steps) for one in group)
        moved.append(total)
        total += 1
    new: list[Instruction] = []
    first = [0] * len(insertions)
    for index, instruction in enumerate(old):
        here = replace(
            instruction,
            target=None if instruction.target is None else heads[instruction.target],
            handler=_moved_handler(instruction.handler, moved),
        )
        for number in sorted(at.get(index, ()), key=lambda n: not insertions[n].passed_once):
            depth = depth_at[index]
            if depth is None:
                raise InternalError(f"a hook before unreachable code: {code.co_qualname}, instruction {index}")
            first[number] = len(new)
            new += _place(insertions[number].steps, here, depth, len(new), -1 - number, names, pool)
        new.append(here)
    return _assemble(code, new, first, names, pool)


def _assemble(code: CodeType, new: list[Instruction], first: list[int], names: _Pool, consts: _Pool) -> Spliced:
    result = assemble(
        code,
        new,
        names=tuple(map(str, names.values)),
        consts=tuple(consts.values),
        stack_size=max(depth for depth in depths(new) if depth is not None),
    )
    emitted = decode(result)
    return Spliced(
        code=result,
        starts=tuple(emitted[index].start for index in first),
        moved=tuple(one.start for old, one in zip(new, emitted, strict=True) if old.offset >= 0),
    )
