"""Probes: hooks that mark what ran, for collection where the interpreter has no events for single instructions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import CodeType

from meterize.cpython.identity import code_id, kind
from meterize.cpython.instructions import Instruction, decode, handler_entries
from meterize.cpython.legality import hook_indices
from meterize.cpython.opcodes import CONDITIONAL, LABELING, TERMINAL
from meterize.cpython.sequences import mark_entry, mark_probe
from meterize.model.code import mask_of
from meterize.model.rewritten import Probe

from .splicing import Insertion, splice


def probe_module(original: CodeType, file: str, first_probe: int) -> tuple[CodeType, tuple[Probe, ...]]:
    """``original`` with a probe at the head of each block and of each line, numbered from ``first_probe`` on in this order.

    Probe *i* runs ``__meterize_probes__[i] = 1``, where the name in ``builtins`` is a bytearray; the first one of a code
    object asks for ``__meterize_entries__[i]`` as well. Without these names nothing happens. Annotations get none.
    """
    probes: list[Probe] = []
    return _probe(original, file, first_probe, probes), tuple(probes)


def _probe(code: CodeType, file: str, first_probe: int, probes: list[Probe]) -> CodeType:
    if kind(code) == "annotation":
        return code
    instructions = decode(code)
    insertions: list[Insertion] = []
    for index, reach in _reaches(instructions):
        mark = mark_probe if insertions else mark_entry
        insertions.append(Insertion(index=index, steps=mark(first_probe + len(probes))))
        probes.append(
            Probe(
                code=code_id(file, code),
                offset=instructions[index].offset,
                reach=mask_of(instructions[reached].offset for reached in reach),
            )
        )
    consts = tuple(
        _probe(const, file, first_probe, probes) if isinstance(const, CodeType) else const for const in code.co_consts
    )
    return splice(code, instructions, insertions, consts).code


def _block_heads(instructions: Sequence[Instruction]) -> frozenset[int]:
    heads = {0} | handler_entries(instructions)
    for index, instruction in enumerate(instructions):
        if instruction.target is not None and instruction.opcode not in LABELING:
            heads.add(instruction.target)
        if instruction.opcode in CONDITIONAL or instruction.opcode in TERMINAL:
            heads.add(index + 1)
    return frozenset(heads)


def _stretches(instructions: Sequence[Instruction]) -> Iterator[range]:
    """Block by block, the instructions that share a line."""
    heads = _block_heads(instructions)
    start = 0
    for index in range(1, len(instructions) + 1):
        line = instructions[index].position[0] if index < len(instructions) else None
        if index in heads or index == len(instructions) or (line is not None and line != instructions[start].position[0]):
            yield range(start, index)
            start = index


def _reaches(instructions: Sequence[Instruction]) -> Iterator[tuple[int, range]]:
    """Where probes stand, and the instructions that have run, or will unless one raises, when one is passed.

    A stretch without a legal place belongs to the probe before it if control cannot but fall into it, else to the probe
    behind it in the same block; the middle of a yield-from loop belongs to none.
    """
    legal = frozenset(hook_indices(instructions))
    heads = _block_heads(instructions)
    probe: int | None = None
    reach = range(0)
    for stretch in _stretches(instructions):
        place = next((index for index in stretch if index in legal), None)
        if place is None and _falls_through(instructions, reach.stop - 1):
            reach = range(reach.start, stretch.stop)
        elif probe is None and stretch.start not in heads:
            probe, reach = place, range(reach.start, stretch.stop)
        else:
            if probe is not None:
                yield probe, reach
            probe, reach = place, stretch
    if probe is not None:
        yield probe, reach


def _falls_through(instructions: Sequence[Instruction], index: int) -> bool:
    return index >= 0 and instructions[index].opcode not in TERMINAL | CONDITIONAL
