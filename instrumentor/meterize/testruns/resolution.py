"""Turns marked places of a process into instructions of the package's own code objects."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from types import CodeType
from typing import Protocol, TypeAlias

from meterize.cpython.identity import code_id, walk
from meterize.cpython.instructions import decode
from meterize.cpython.pyc import compile_module
from meterize.errors import TargetError
from meterize.model.code import CodeId, InstructionMask, offsets_of
from meterize.model.package import Package

from .journals import PROBE_CHUNK, Code, Piece
from .probes import ProbeBuild

Resolved: TypeAlias = tuple[tuple[CodeId, InstructionMask], ...]


class Resolver(Protocol):
    """What a mode of collecting must know."""

    def resolve(self, piece: Piece) -> Resolved:
        """The instructions that a piece stands for; empty if they are not the package's."""

    def warnings(self) -> tuple[str, ...]:
        """What was executed and could not be resolved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How reported instructions become opcodes: see ``_layout``."""

    opcodes: InstructionMask
    prefixes: tuple[tuple[InstructionMask, InstructionMask], ...]
    entry: InstructionMask

    def apply(self, reported: InstructionMask) -> InstructionMask:
        for prefix, opcode in self.prefixes:
            if reported & prefix:
                reported |= opcode
        return (reported & self.opcodes) | self.entry


def _layout(code: CodeType) -> _Layout:
    """An EXTENDED_ARG reports like an instruction of its own, and what precedes the first RESUME is never reported
    (Python/instrumentation.c: ``_co_firsttraceable``), nor is that RESUME, though it all runs whenever anything does."""
    opcodes, entry = 0, 0
    prefixes = []
    entered = False
    for instruction in decode(code):
        bit = 1 << (instruction.offset >> 1)
        opcodes |= bit
        if instruction.start != instruction.offset:
            prefixes.append((sum(1 << unit for unit in range(instruction.start >> 1, instruction.offset >> 1)), bit))
        if not entered:
            entry |= bit
            entered = instruction.name == "RESUME"
    return _Layout(opcodes=opcodes, prefixes=tuple(prefixes), entry=entry)


class SourceResolver:
    """Resolves code objects that were watched while they ran, by what the package's sources compile to."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._layouts: dict[str, dict[Code, tuple[CodeId, _Layout] | None]] = {}
        self._other: set[str] = set()
        self._ambiguous: set[str] = set()

    def resolve(self, piece: Piece) -> Resolved:
        """See Resolver."""
        if piece.code is None:
            return ()
        module = piece.code.module
        if module not in self._layouts:
            self._layouts[module] = self._read(module)
        known = self._layouts[module]
        if piece.code not in known:
            self._other.add(module)
            return ()
        found = known[piece.code]
        if found is None:
            self._ambiguous.add(f"{module}:{piece.code.first_line} {piece.code.qualname}")
            return ()
        name, layout = found
        return ((name, layout.apply(piece.mask)),)

    def _read(self, module: str) -> dict[Code, tuple[CodeId, _Layout] | None]:
        path = self._package.site / module
        try:
            tree = compile_module(path.read_bytes(), str(path), 0)
        except (OSError, TargetError):
            return {}
        codes = [code for _, code in walk(tree)]
        shared = Counter(code_id(module, code) for code in codes)
        table: dict[Code, tuple[CodeId, _Layout] | None] = {}
        for code in codes:
            name = code_id(module, code)
            seen = Code(module=module, qualname=name.qualname, first_line=name.first_line, checksum=zlib.crc32(code.co_code))
            table[seen] = (name, _layout(code)) if shared[name] == 1 else None
        return table

    def warnings(self) -> tuple[str, ...]:
        """See Resolver."""
        found = []
        if self._other:
            found.append(
                "these files ran with other bytecode than their source compiles to (rewritten by pytest, -O, hooks) and are"
                f" measured in part only: {', '.join(sorted(self._other))}"
            )
        if self._ambiguous:
            found.append(f"left out, since name and line do not tell them apart: {', '.join(sorted(self._ambiguous))}")
        return tuple(found)


class ProbeResolver:
    """Resolves fired probes."""

    def __init__(self, build: ProbeBuild) -> None:
        self._reach = build.reach

    def resolve(self, piece: Piece) -> Resolved:
        """See Resolver."""
        found: dict[CodeId, InstructionMask] = {}
        for byte_offset in offsets_of(piece.mask):
            probe = piece.chunk * PROBE_CHUNK + (byte_offset >> 1)
            if probe < len(self._reach):
                code, mask = self._reach[probe]
                found[code] = found.get(code, 0) | mask
        return tuple(found.items())

    def warnings(self) -> tuple[str, ...]:
        """See Resolver."""
        return ()
