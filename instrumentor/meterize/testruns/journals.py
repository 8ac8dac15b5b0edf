"""Reads the data files that the processes of a run write (``_in_process/meterize_run/journal.py`` is the other side)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from meterize.errors import InternalError

PROBE_CHUNK: Final = 128
"""How many probes make a chunk, where chunks are not code objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code object as a process saw it; ``checksum`` is the CRC-32 of its bytecode."""

    module: str
    qualname: str
    first_line: int
    checksum: int


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Marked places of one chunk, as a mask; ``code`` is None where chunks are probes."""

    chunk: int
    code: Code | None
    mask: int


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function by its number in a process; ``code`` is None where numbers are those of probes."""

    number: int
    code: Code | None


@dataclass(frozen=True, slots=True, eq=False)
class SeenCall:
    """How a function was entered between two boundaries: how often, and from where (None: not from the package)."""

    function: Function
    count: int
    callers: tuple[Function | None, ...]


@dataclass(slots=True)
class Record:
    """What ran between two boundaries, for the test of ``token`` (empty: for none); ``outcome`` if it ends that test."""

    token: str
    outcome: str | None
    pieces: Sequence[int]
    fires: Mapping[str, int]
    calls: Sequence[int] = ()
    warned: tuple[tuple[str, str, int], ...] = ()


@dataclass(slots=True)
class Journal:
    """What one process wrote. ``pieces`` and ``calls`` are numbered as they came, after those of the parent at the fork."""

    name: str
    parent: str = ""
    inherited_chunks: int = 0
    inherited_pieces: int = 0
    inherited_calls: int = 0
    codes: list[Code] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    calls: list[tuple[int, int, list[int]]] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    armed: set[str] = field(default_factory=set)
    notes: dict[str, list[str]] = field(default_factory=dict)
    token: str = ""
    started: bool = False
    torn: bool = False

    def add(self, line: Mapping[str, Any]) -> str | None:
        """Take a line in; the id of the test that it begins, if it does."""
        match line:
            case {"process": str(), "context": str(token)}:
                self.started, self.token = True, token
                self.parent = line.get("parent", "")
                self.inherited_chunks, self.inherited_pieces = line.get("chunks", 0), line.get("pieces", 0)
                self.inherited_calls = line.get("calls", 0)
            case {"context": str(token)}:
                self.token = token
            case {"code": _} | {"piece": _} | {"call": _}:
                self._number(line)
            case {"begin": str(test)}:
                self.token = f"{self.name}:{len(self.begun)}"
                self.begun.append(test)
                return test
            case {"end": str(outcome)}:
                self._record(line, outcome)
                self.token = ""
            case {"ran": True}:
                self._record(line, None)
            case {"armed": [*hooks]}:
                self.armed.update(hooks)
            case _:
                for key, text in line.items():
                    self.notes.setdefault(key, []).append(text)
        return None

    def _number(self, line: Mapping[str, Any]) -> None:
        """Take in what later lines name by its number."""
        match line:
            case {"code": [module, qualname, first_line, checksum], "size": size}:
                self.codes.append(Code(module=module, qualname=qualname, first_line=first_line, checksum=checksum))
                self.sizes.append(size)
            case {"piece": [chunk, mask]}:
                self.pieces.append((chunk, int(mask, 16)))
            case {"call": [function, count, callers]}:
                self.calls.append((function, count, callers))

    def _record(self, line: Mapping[str, Any], outcome: str | None) -> None:
        pieces, calls = tuple(line.get("pieces", ())), tuple(line.get("calls", ()))
        warned = tuple((category, text, count) for category, text, count in line.get("warned", ()))
        self.records.append(Record(self.token, outcome, pieces, line.get("fires", {}), calls, warned))


class Journals:
    """All data files of a run; ``read`` may be called while it goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[str, int] = {}
        self._journals: dict[str, Journal] = {}
        self._pieces: dict[str, list[Piece]] = {}
        self._calls: dict[str, list[SeenCall]] = {}

    def __iter__(self) -> Iterator[Journal]:
        return iter(self._journals.values())

    def read(self) -> list[str]:
        """Take in what is new; the ids of the tests that began, in order."""
        begun = []
        for path in sorted(self._grown(), key=_numbers):
            offset = self._offsets.get(path.name, 0)
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read()
            complete = data.rfind(b"\n") + 1
            self._offsets[path.name] = offset + complete
            journal = self._journals.setdefault(path.stem, Journal(path.stem))
            for line in data[:complete].splitlines():
                test = self._take(journal, line)
                if test is not None:
                    begun.append(test)
        return begun

    def _grown(self) -> list[Path]:
        with os.scandir(self._folder) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if entry.name.endswith(".jsonl")
                and (entry.name not in self._offsets or entry.stat().st_size > self._offsets[entry.name])
            ]

    @staticmethod
    def _take(journal: Journal, line: bytes) -> str | None:
        try:
            return journal.add(json.loads(line))
        except (ValueError, AttributeError, TypeError, OverflowError):  # a full disk tears lines
            journal.torn = True
            return None

    def read_rest(self) -> None:
        """After the end: what each process marked after its last line, from the pages it had mapped."""
        for journal in self:
            if "unmapped" in journal.notes:  # it wrote as it ended
                continue
            segments = sorted(self._folder.glob(f"{journal.name}.*.marks"), key=_numbers)
            sizes = self._whole(journal, "sizes")
            stride = 2 if sizes else 1
            numbers = []
            for chunk, marked in enumerate(_chunks(segments, sizes)):
                if b"\x01" in marked:
                    numbers.append(journal.inherited_pieces + len(journal.pieces))
                    journal.pieces.append((chunk, int(marked[::stride][::-1].hex()[1::2], 2)))
            if numbers:
                journal.records.append(Record(journal.token, None, tuple(numbers), {}))

    def pieces(self, journal: Journal) -> list[Piece]:
        """All pieces of a process by number; a forked child's begin with what its parent's had been."""
        if journal.name not in self._pieces:
            inherited = self.pieces(self._parent(journal))[: journal.inherited_pieces] if journal.parent else []
            codes = self._whole(journal, "codes")
            own = [Piece(chunk, codes[chunk] if chunk < len(codes) else None, mask) for chunk, mask in journal.pieces]
            self._pieces[journal.name] = inherited + own
        return self._pieces[journal.name]

    def calls(self, journal: Journal) -> list[SeenCall]:
        """All noted calls of a process by number; a forked child's begin with what its parent's had been."""
        if journal.name not in self._calls:
            inherited = self.calls(self._parent(journal))[: journal.inherited_calls] if journal.parent else []
            codes = self._whole(journal, "codes")
            functions = {
                number: Function(number, codes[number] if number < len(codes) else None)
                for function, _, callers in journal.calls
                for number in (function, *callers)
                if number >= 0
            }
            own = [
                SeenCall(functions[function], count, tuple(map(functions.get, callers)))
                for function, count, callers in journal.calls
            ]
            self._calls[journal.name] = inherited + own
        return self._calls[journal.name]

    def _parent(self, journal: Journal) -> Journal:
        try:
            return self._journals[journal.parent]
        except KeyError:
            raise InternalError(f"the data file of process {journal.parent} is missing") from None

    def _whole(self, journal: Journal, table: str) -> list[Any]:
        """``codes`` or ``sizes``, with what a forked child has of its parent's."""
        own: list[Any] = getattr(journal, table)
        if not journal.parent:
            return own
        return self._whole(self._parent(journal), table)[: journal.inherited_chunks] + own

    def test_of(self, token: str) -> str | None:
        """The id of the test that a token stands for; None outside any test."""
        name, _, number = token.partition(":")
        journal = self._journals.get(name)
        return journal.begun[int(number)] if journal and number.isdigit() and int(number) < len(journal.begun) else None


def _numbers(path: Path) -> tuple[int, ...]:
    """Process ids grow, as a rule: parents come before their children."""
    return tuple(int(part) for part in path.name.split(".")[:-1])


def _chunks(segments: list[Path], sizes: list[int]) -> Iterator[bytes]:
    """The bytes of each chunk: of these sizes, put into the next segment where one has no room for them; else of equal size."""
    if not sizes:
        for segment in segments:
            data = segment.read_bytes()
            yield from (data[start : start + PROBE_CHUNK] for start in range(0, len(data), PROBE_CHUNK))
        return
    rest = iter(segments)
    data, used = b"", 0
    for size in sizes:
        if used + size > len(data):
            data, used = next(rest).read_bytes(), 0
        yield data[used : used + size]
        used += size
