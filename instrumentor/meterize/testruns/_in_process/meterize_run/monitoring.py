"""Notes executed instructions by ``sys.monitoring`` (PEP 669): each fires once a test and is then disabled by CPython.

All code objects of a module are watched from the moment the module starts: a function that were watched from its first
call would miss that call's beginning, and its beginning would look as if only later tests executed it.
"""

from __future__ import annotations

import sys
from binascii import crc32

from .calls import Calls
from .children import Children
from .contexts import Contexts
from .journal import quote
from .loading import serve_code
from .marks import Marks
from .sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    from .loading import GetCode


_TOOLS = range(6)
_PREFERRED_TOOLS = (4, 3, 5, 2, 0)  # 1 is coverage's

_monitoring: Any = sys.monitoring  # type: ignore[attr-defined]  # 3.12 and later


def start_monitoring(contexts: Contexts, children: Children, sources: Sources) -> None:
    """Watch the package's code from now on."""
    tool = next((tool for tool in _PREFERRED_TOOLS if _monitoring.get_tool(tool) is None), None)
    if tool is None:
        contexts.journal.note("trouble", "no sys.monitoring tool id is free")
        return
    monitor = Monitor(tool, contexts, sources)
    _monitoring.use_tool_id(tool, "meterize")
    _monitoring.register_callback(tool, _monitoring.events.PY_START, monitor.on_start)
    monitor.listen()
    _monitoring.set_events(tool, _monitoring.events.PY_START)
    serve_code(monitor.serve, sources)
    contexts.take, contexts.on_begin, contexts.tables = monitor.take, monitor.on_begin, monitor.tables
    contexts.on_caller = monitor.stop_at
    children.on_fork(monitor.forked)


class Monitor:
    """A tool of ``sys.monitoring``; a chunk of marks is a code object, with a byte for each byte of bytecode."""

    def __init__(self, tool: int, contexts: Contexts, sources: Sources) -> None:
        self._marks = Marks(contexts, stride=2)
        self._calls = Calls(contexts.journal)
        self._tool = tool
        self._journal = contexts.journal
        self._sources = sources
        self._rows: dict[int, memoryview] = {}
        self._codes: list[list[CodeType]] = []
        self._chunks: dict[tuple[str, str, int, bytes], int] = {}
        self._listens_to_all = True
        self._disable = _monitoring.DISABLE
        self._wanted = _monitoring.events.INSTRUCTION | _monitoring.events.PY_START
        self._beside = False
        self._set_local_events = _monitoring.set_local_events

    def listen(self) -> None:
        """Have executed instructions marked."""
        free_threaded = hasattr(sys, "_is_gil_enabled") and not sys._is_gil_enabled()
        callback = _mark(self._rows) if free_threaded else _mark_by_run(self._rows)
        _monitoring.register_callback(self._tool, _monitoring.events.INSTRUCTION, callback)

    def on_start(self, code: CodeType, offset: int) -> object:  # noqa: ARG002
        """A code object starts: one of the package's, or one that has not been looked at yet."""
        function = self._calls.function_of(code)
        if function is None:
            module = self._sources.module_of(code.co_filename)
            if module is not None:
                self._watch_tree(module, code)
                function = self._calls.function_of(code)
        return self._disable if function is None or self._calls.enter(function, 2) else None

    def serve(self, module: str, get_code: GetCode) -> CodeType | None:
        """Watch a module of the package that is imported."""
        code = get_code()
        if code is not None:
            self._watch_tree(module, code)
        return code

    def on_begin(self) -> None:
        """A test begins: from the first one on, imports alone show new code.

        What import does not load (a script, modules that pytest rewrites) starts before. And each restart of events would
        have CPython look through every code object that runs, if there were an event for all.
        """
        if self._listens_to_all:
            self._listens_to_all = False
            _monitoring.set_events(self._tool, 0)

    def _watch_tree(self, module: str, code: CodeType) -> None:
        try:
            if not self._beside and self._has_company():
                self._join()
            pending = [code]
            while pending:
                code = pending.pop()
                if id(code) not in self._rows:
                    self._watch(module, code)
                pending.extend([const for const in code.co_consts if hasattr(const, "co_code")])
            self._journal.flush()
        except Exception as error:  # noqa: BLE001  # it would reach the suite
            self._journal.note("trouble", repr(error))

    def _watch(self, module: str, code: CodeType) -> None:
        bytecode = code.co_code
        # A module that is imported again makes equal code objects: they share a chunk. All are kept, so that ids stay theirs.
        key = (module, code.co_qualname, code.co_firstlineno, bytecode)
        chunk = self._chunks.get(key)
        if chunk is None:
            chunk = self._chunks[key] = len(self._codes)
            row = self._marks.add_row(len(bytecode))
            self._codes.append([code])
            name = f"{quote(module)},{quote(code.co_qualname)},{code.co_firstlineno},{crc32(bytecode)}"
            self._journal.add(f'{{"code":[{name}],"size":{len(bytecode)}}}')
        else:
            row = self._rows[id(self._codes[chunk][0])]
            self._codes[chunk].append(code)
        self._rows[id(code)] = row
        self._calls.learn(code, chunk)
        if self._beside:
            self._share(code)
        self._set_local_events(self._tool, code, self._wanted)

    def take(self) -> str:
        """What ran since the last time; it is watched again."""
        found = self._marks.take()
        if not self._beside and self._has_company():
            self._join()
        if not found:
            return ""
        self._watch_again([chunk for chunk, _ in found])
        pieces = ",".join([str(piece) for _, piece in found])
        calls = self._calls.take()
        return f'"pieces":[{pieces}]{"," + calls if calls else ""}'

    def stop_at(self, code: CodeType) -> None:
        """See ``Calls.stop_at``."""
        self._calls.stop_at(code)

    def tables(self) -> str:
        """See ``Marks.tables``."""
        return self._marks.tables() + self._calls.tables()

    def _watch_again(self, chunks: list[int]) -> None:
        """Have the events of what ran fire once more."""
        if not self._beside:
            _monitoring.restart_events()
            return
        # Restarting would wake the events of the other tool too: coverage would note every line anew.
        for chunk in chunks:
            for code in self._codes[chunk]:
                self._set_local_events(self._tool, code, 0)
                self._set_local_events(self._tool, code, self._wanted)

    def _has_company(self) -> bool:
        tools = (tool for tool in _TOOLS if tool != self._tool)
        return sys.gettrace() is not None or any(_monitoring.get_tool(tool) is not None for tool in tools)

    def _join(self) -> None:
        """Another tool is here, for good: watch everything as CPython needs it then.

        Where that tool disables its LINE event, the INSTRUCTION event there is left out once (3.12, 3.13:
        _Py_call_instrumentation_line goes on with the opcode below); a LINE event of our own does arrive.
        """
        self._beside = True
        self._wanted |= _monitoring.events.LINE
        _monitoring.register_callback(self._tool, _monitoring.events.LINE, _mark_line(self._rows))
        for code in [code for codes in self._codes for code in codes]:
            self._share(code)
            self._set_local_events(self._tool, code, self._wanted)

    def _share(self, code: CodeType) -> None:
        """Let two tools have the events for a moment. When a second one comes, CPython begins to keep who wants what by
        instruction, and forgets about the first (3.12, 3.13: update_instrumentation_data); now that is behind us.
        """
        helper = next((tool for tool in _TOOLS if _monitoring.get_tool(tool) is None), None)
        if helper is None:
            return
        _monitoring.use_tool_id(helper, "meterize")
        for tool, wanted in ((helper, self._wanted), (self._tool, self._wanted), (helper, 0), (self._tool, 0)):
            self._set_local_events(tool, code, wanted)
        _monitoring.free_tool_id(helper)

    def forked(self) -> None:
        """In a forked child: mark rows of its own; what its parent's test had marked may run in another test here."""
        self._watch_again(self._marks.renew())
        self._calls.renew()
        for codes, row in zip(self._codes, self._marks.rows(), strict=True):
            self._rows.update((id(code), row) for code in codes)
        self.listen()


def _mark_line(rows: dict[int, memoryview]) -> Callable[[CodeType, int], object]:
    disable, frame_at = _monitoring.DISABLE, sys._getframe

    def on_line(code: CodeType, line: int) -> object:  # noqa: ARG001
        rows[id(code)][frame_at(1).f_lasti] = 1
        return disable

    return on_line


def _mark(rows: dict[int, memoryview]) -> Callable[[CodeType, int], object]:
    disable = _monitoring.DISABLE

    def on_instruction(code: CodeType, offset: int) -> object:
        rows[id(code)][offset] = 1
        return disable

    return on_instruction


def _mark_by_run(rows: dict[int, memoryview]) -> Callable[[CodeType, int], object]:
    """Like ``_mark``, a quarter faster: instructions of one code object come in runs.

    Threads share the two variables. No thread gets its turn between the check and the mark, nor between the assignments:
    CPython gives turns at calls, backward jumps and function starts only (Python/bytecodes.c, CHECK_EVAL_BREAKER).
    """
    disable = _monitoring.DISABLE
    last: CodeType | None = None
    row = memoryview(b"")

    def on_instruction(code: CodeType, offset: int) -> object:
        nonlocal last, row
        if code is not last:
            found = rows[id(code)]
            last = code
            row = found
        row[offset] = 1
        return disable

    return on_instruction
