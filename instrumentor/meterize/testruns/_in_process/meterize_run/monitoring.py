"""Notes executed instructions by ``sys.monitoring`` (PEP 669): each fires once a test and is then disabled by CPython.

All code objects of a module are watched from the moment the module starts: a function that were watched from its first
call would miss that call's beginning, and its beginning would look as if only later tests executed it.
"""

from __future__ import annotations

import sys
from binascii import crc32
from types import CodeType
from typing import Any

from . import children, contexts, hits, journal, sources
from .journal import quote

_PREFERRED_TOOLS = (4, 3, 5, 2, 0)  # 1 is coverage's

_monitoring: Any = sys.monitoring  # type: ignore[attr-defined]  # 3.12 and later
_DISABLE = _monitoring.DISABLE
_set_local_events = _monitoring.set_local_events
_INSTRUCTION = _monitoring.events.INSTRUCTION

_tool = -1
_start_of: dict[int, int] = {}
"""The first place of a code object, by its id."""
_codes: list[list[CodeType]] = []
"""The code objects of each chunk (a module that is imported again makes equal ones); kept, so that ids stay theirs."""
_chunk_of: dict[tuple[str, str, int, bytes], int] = {}
_first: list[int] = []


def start() -> None:
    """Watch the package's code from now on."""
    global _tool
    for tool in _PREFERRED_TOOLS:
        if _monitoring.get_tool(tool) is None:
            break
    else:
        journal.note("trouble", "no sys.monitoring tool id is free")
        return
    _tool = tool
    _monitoring.use_tool_id(tool, "meterize")
    _monitoring.register_callback(tool, _monitoring.events.PY_START, _on_start)
    _monitoring.register_callback(tool, _INSTRUCTION, _on_instruction)
    _monitoring.set_events(tool, _monitoring.events.PY_START)
    contexts.take = take
    children.on_fork(_forked)


def _on_instruction(code: CodeType, offset: int) -> object:
    hits.marks[_start_of[id(code)] + (offset >> 1)] = 1
    return _DISABLE


def _on_start(code: CodeType, offset: int) -> object:
    if id(code) not in _start_of:
        try:
            module = sources.module_of(code.co_filename)
            if module is not None:
                _watch_tree(module, code)
        except Exception as error:  # noqa: BLE001  # it would reach the suite
            journal.note("trouble", repr(error))
    return _DISABLE


def _watch_tree(module: str, code: CodeType) -> None:
    pending = [code]
    while pending:
        code = pending.pop()
        if id(code) not in _start_of:
            _watch(module, code)
        pending.extend([const for const in code.co_consts if isinstance(const, CodeType)])
    journal.flush()


def _watch(module: str, code: CodeType) -> None:
    bytecode = code.co_code
    key = (module, code.co_qualname, code.co_firstlineno, bytecode)
    chunk = _chunk_of.get(key)
    if chunk is None:
        chunk = _chunk_of[key] = len(_codes)
        _first.append(hits.place(len(bytecode) >> 1))
        _codes.append([])
        journal.add(
            f'{{"code":[{quote(module)},{quote(code.co_qualname)},{code.co_firstlineno},{crc32(bytecode)}],"size":{len(bytecode) >> 1}}}'
        )
    _codes[chunk].append(code)
    _start_of[id(code)] = _first[chunk]
    _set_local_events(_tool, code, _INSTRUCTION)


def take() -> str:
    """What ran since the last time; it is watched again.

    Only this tool's events on the code that ran are switched off and on: ``restart_events`` would wake every tool's.
    """
    found = hits.take()
    if not found:
        return ""
    for chunk, _ in found:
        _watch_again(chunk)
    pieces = ",".join([str(piece) for _, piece in found])
    return f'"pieces":[{pieces}]'


def _watch_again(chunk: int) -> None:
    for code in _codes[chunk]:
        _set_local_events(_tool, code, 0)
        _set_local_events(_tool, code, _INSTRUCTION)


def _forked() -> None:
    for chunk in hits.renew():
        _watch_again(chunk)
