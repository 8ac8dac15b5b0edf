"""The form of a kept run: compressed JSON of our own model, in which nothing can be executed and everything is checked.

Each code object, each executed part of one, and each call stands there once; tests name them by number.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import Call, CoverageRecord, Executed, Outcome, TestRecord

_FORM: Final = 1
_MOST_BYTES: Final = 1 << 30
"""Nothing of ours is larger; a file that claims to be would fill the memory."""


def dump_run(record: CoverageRecord) -> bytes:
    """The bytes to keep."""
    tables = _Tables()
    tests = [[test.id, test.outcome.value, tables.parts(test.executed), tables.calls(test.calls)] for test in record.tests]
    whole = {
        "form": _FORM,
        "command": record.command,
        "tests": tests,
        "outside": tables.parts(record.outside),
        "exit_code": record.exit_code,
        "seconds": record.seconds,
        "warnings": record.warnings,
        "codes": list(tables.codes),
        "parts": list(tables.pieces),
        "calls": list(tables.entries),
    }
    return zlib.compress(json.dumps(whole, separators=(",", ":")).encode(), 3)


def load_run(data: bytes) -> CoverageRecord:
    """The run in ``data``. Raises ValueError if it is none, or was damaged."""
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(data, _MOST_BYTES)
        if not unpacker.eof or unpacker.unused_data:
            raise ValueError("cut short, too large, or not alone")
        return _read(json.loads(text))
    except (zlib.error, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no kept run: {error}") from error


class _Tables:
    """What tests name by number, in the order it first came.

    Tests share most of their calls and code objects: those met before are known by their identity, which is cheaper than by
    what they hold.
    """

    def __init__(self) -> None:
        self.codes: dict[tuple[str, str, int], int] = {}
        self.pieces: dict[tuple[int, str], int] = {}
        self.entries: dict[tuple[int, int, tuple[int | None, ...]], int] = {}
        self._numbers: dict[int, int] = {}
        self._parts: dict[tuple[int, InstructionMask], int] = {}
        self._calls: dict[int, int] = {}

    def parts(self, executed: Executed) -> list[int]:
        return [self._part(code, mask) for code, mask in executed.items()]

    def calls(self, calls: Iterable[Call]) -> list[int]:
        return [self._call(call) for call in calls]

    def _code(self, code: CodeId) -> int:
        number = self._numbers.get(id(code))
        if number is None:
            key = (code.file, code.qualname, code.first_line)
            number = self._numbers[id(code)] = self.codes.setdefault(key, len(self.codes))
        return number

    def _part(self, code: CodeId, mask: InstructionMask) -> int:
        key = (self._code(code), mask)
        number = self._parts.get(key)
        if number is None:
            number = self._parts[key] = self.pieces.setdefault((key[0], f"{mask:x}"), len(self.pieces))
        return number

    def _call(self, call: Call) -> int:
        number = self._calls.get(id(call))
        if number is None:
            known = sorted(code for code in call.callers if code is not None)
            callers = (*map(self._code, known), *([None] if None in call.callers else []))
            key = (self._code(call.code), call.count, callers)
            number = self._calls[id(call)] = self.entries.setdefault(key, len(self.entries))
        return number


def _read(whole: dict[str, Any]) -> CoverageRecord:
    if whole["form"] != _FORM:
        raise ValueError(f"form {whole['form']}")
    codes = [CodeId(file=_text(file), qualname=_text(name), first_line=_whole(line)) for file, name, line in whole["codes"]]
    parts = [(codes[_whole(code)], int(_text(mask), 16)) for code, mask in whole["parts"]]
    calls = [
        Call(
            code=codes[_whole(code)],
            count=_whole(count),
            callers=frozenset(None if c is None else codes[_whole(c)] for c in callers),
        )
        for code, count, callers in whole["calls"]
    ]
    return CoverageRecord(
        command=_text(whole["command"]),
        tests=tuple(
            TestRecord(
                id=_text(test),
                outcome=Outcome(outcome),
                executed=_select(executed, parts),
                calls=tuple(map(calls.__getitem__, called)),
            )
            for test, outcome, executed, called in whole["tests"]
        ),
        outside=_select(whole["outside"], parts),
        exit_code=_whole(whole["exit_code"]),
        seconds=float(whole["seconds"]),
        warnings=tuple(map(_text, whole["warnings"])),
    )


def _select(numbers: list[int], parts: Sequence[tuple[CodeId, InstructionMask]]) -> Executed:
    return dict(map(parts.__getitem__, numbers))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"{value!r} is no number")
    return value
