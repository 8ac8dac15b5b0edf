"""Turns marked places of a process into instructions of the package's own code objects."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Protocol, TypeAlias

from meterize.cpython.identity import code_id, walk
from meterize.cpython.instructions import opcode_offsets
from meterize.cpython.opcodes import RESUME
from meterize.cpython.pyc import compile_module
from meterize.errors import TargetError
from meterize.model.code import CodeId, InstructionMask, offsets_of
from meterize.model.package import Package

from .journals import PROBE_CHUNK, Code, Function, Piece
from .probes import ProbeBuild

Resolved: TypeAlias = tuple[tuple[CodeId, InstructionMask], ...]


class Resolver(Protocol):
    """What a mode of collecting must know."""

    def resolve(self, piece: Piece) -> Resolved:
        """The instructions that a piece stands for; empty if they are not the package's."""

    def name(self, function: Function) -> CodeId | None:
        """The code object that a function is; None if it is not the package's."""

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
    for opcode, offset, start in opcode_offsets(code):
        bit = 1 << (offset >> 1)
        opcodes |= bit
        if start != offset:
            prefixes.append((bit - (1 << (start >> 1)), bit))
        if not entered:
            entry |= bit
            entered = opcode == RESUME
    return _Layout(opcodes=opcodes, prefixes=tuple(prefixes), entry=entry)


class _Names:
    """The code objects that a package's sources compile to, and which of them their names tell apart."""

    def __init__(self, package: Package) -> None:
        self._package = package
        self._codes: dict[str, tuple[CodeType, ...]] = {}
        self._shared: dict[str, frozenset[CodeId]] = {}
        self._left_out: set[CodeId] = set()

    def codes(self, module: str) -> tuple[CodeType, ...]:
        """All code objects of a module; none if it does not compile."""
        if module not in self._codes:
            path = self._package.site / module
            try:
                tree = compile_module(path.read_bytes(), str(path), 0)
            except (OSError, TargetError):
                self._codes[module] = ()
            else:
                self._codes[module] = tuple(code for _, code in walk(tree))
        return self._codes[module]

    def tells_apart(self, name: CodeId) -> bool:
        """Whether no other code object has this name; if one has, it is remembered for the warning."""
        if name.file not in self._shared:
            counts = Counter(code_id(name.file, code) for code in self.codes(name.file))
            self._shared[name.file] = frozenset(shared for shared, count in counts.items() if count > 1)
        if name not in self._shared[name.file]:
            return True
        self._left_out.add(name)
        return False

    def warnings(self) -> tuple[str, ...]:
        """The code objects that were executed and left out."""
        if not self._left_out:
            return ()
        places = ", ".join(f"{name.file}:{name.first_line} {name.qualname}" for name in sorted(self._left_out))
        return (f"left out, since name and line are those of other code too: {places}",)


class SourceResolver:
    """Resolves code objects that were watched while they ran."""

    def __init__(self, package: Package) -> None:
        self._names = _Names(package)
        self._codes: dict[str, dict[Code, CodeType]] = {}
        self._layouts: dict[CodeId, _Layout] = {}
        self._unknown: set[str] = set()

    def resolve(self, piece: Piece) -> Resolved:
        """See Resolver."""
        code = self._find(piece.code)
        if piece.code is None or code is None:
            return ()
        name = code_id(piece.code.module, code)
        if not self._names.tells_apart(name):
            return ()
        if name not in self._layouts:
            self._layouts[name] = _layout(code)
        return ((name, self._layouts[name].apply(piece.mask)),)

    def name(self, function: Function) -> CodeId | None:
        """See Resolver."""
        code = self._find(function.code)
        return None if function.code is None or code is None else code_id(function.code.module, code)

    def _find(self, seen: Code | None) -> CodeType | None:
        if seen is None:
            return None
        module = seen.module
        if module not in self._codes:
            self._codes[module] = {_as_seen(module, code): code for code in self._names.codes(module)}
        code = self._codes[module].get(seen)
        if code is None:
            self._unknown.add(module)
        return code

    def warnings(self) -> tuple[str, ...]:
        """See Resolver."""
        return (*_other_bytecode(self._unknown), *self._names.warnings())


def _as_seen(module: str, code: CodeType) -> Code:
    return Code(module=module, qualname=code.co_qualname, first_line=code.co_firstlineno, checksum=zlib.crc32(code.co_code))


def _other_bytecode(modules: Iterable[str]) -> Iterator[str]:
    names = ", ".join(sorted(modules))
    if names:
        yield (
            "these files ran with other bytecode than import makes of their source (rewritten by pytest, -O, hooks, run as"
            f" a script) and were measured in part or not at all: {names}"
        )


class ProbeResolver:
    """Resolves fired probes."""

    def __init__(self, package: Package, build: ProbeBuild) -> None:
        self._names = _Names(package)
        self._reach = build.reach

    def resolve(self, piece: Piece) -> Resolved:
        """See Resolver."""
        found: dict[CodeId, InstructionMask] = {}
        for byte_offset in offsets_of(piece.mask):
            probe = piece.chunk * PROBE_CHUNK + (byte_offset >> 1)
            if probe < len(self._reach):
                code, mask = self._reach[probe]
                found[code] = found.get(code, 0) | mask
        return tuple((name, mask) for name, mask in found.items() if self._names.tells_apart(name))

    def name(self, function: Function) -> CodeId | None:
        """See Resolver."""
        return self._reach[function.number][0] if function.number < len(self._reach) else None

    def warnings(self) -> tuple[str, ...]:
        """See Resolver."""
        return self._names.warnings()


def warn_of_unserved(modules: Iterable[str]) -> tuple[str, ...]:
    """What to say of modules that a process imported without probes."""
    return tuple(_other_bytecode(modules))
