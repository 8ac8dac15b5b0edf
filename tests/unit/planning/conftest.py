"""A package in a string, its tests as calls, and what each of them really executed."""

from __future__ import annotations

import contextlib
import opcode
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import CodeType, FrameType

import pytest

from meterize.cpython.identity import code_id, walk
from meterize.flow import build_graph
from meterize.model.code import CodeId
from meterize.model.coverage import ENOUGH_CALLS, Call, CoverageRecord, Outcome, TestRecord
from meterize.model.feature import Charge
from meterize.model.flow import ControlFlowGraph
from meterize.model.slice import FeatureSlice
from meterize.planning import Choice, choose_hook_points, name_candidates
from meterize.slicing import select_tests, slice_feature

FILE = "package/module.py"
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]


class SmallPackage:
    """One module; a test is a call of something in it."""

    def __init__(self, source: str) -> None:
        self.source = textwrap.dedent(source)
        self.module = compile(self.source, FILE, "exec", dont_inherit=True)
        self.codes: dict[CodeId, CodeType] = {code_id(FILE, code): code for _, code in walk(self.module)}
        self.graphs: dict[CodeId, ControlFlowGraph] = {name: build_graph(FILE, code) for name, code in self.codes.items()}

    def line_of(self, text: str) -> int:
        """The number of the only line that holds ``text``."""
        [number] = [number for number, line in enumerate(self.source.splitlines(), 1) if text in line]
        return number

    def run(self, calls: Mapping[str, str]) -> CoverageRecord:
        """Execute each call (an expression; exceptions are part of a test) and note its instructions."""
        scope: dict[str, object] = {}
        with _noted(self.codes) as outside:
            exec(self.module, scope)
        tests = []
        for name, call in calls.items():
            expression = compile(call, "<test>", "eval", dont_inherit=True)
            with _entered(self.codes) as entered, contextlib.suppress(LookupError, ValueError):
                eval(expression, scope)
            with _noted(self.codes) as executed, contextlib.suppress(LookupError, ValueError):
                eval(expression, scope)
            calls = tuple(
                Call(code=code, count=min(len(callers), ENOUGH_CALLS), callers=frozenset(callers))
                for code, callers in entered.items()
            )
            tests.append(TestRecord(id=name, outcome=Outcome.PASSED, executed=executed, calls=calls))
        return CoverageRecord(command="script", tests=tuple(tests), outside=outside, exit_code=0, seconds=0.0)

    def is_hookable(self, code: CodeId, mask: int) -> bool:
        """Whether a hook may stand at some of these instructions."""
        graph = self.graphs[code]
        offsets = (block.hook_offset for block in graph.blocks if graph.is_function)
        return any(offset is not None and mask >> (offset >> 1) & 1 for offset in offsets)

    def slice(self, with_calls: Mapping[str, str], without_calls: Mapping[str, str]) -> tuple[FeatureSlice, tuple[str, ...]]:
        with_run, without_run = self.run(with_calls), self.run(without_calls)
        return slice_feature(with_run, without_run), select_tests(with_run, without_run).feature_tests

    def choose(
        self,
        with_calls: Mapping[str, str],
        without_calls: Mapping[str, str],
        charge: Charge = Charge.ON_ENTRY,
        at: Sequence[str] = (),
        max_hooks: int | None = None,
    ) -> Choice:
        with_run, without_run = self.run(with_calls), self.run(without_calls)
        feature_slice = slice_feature(with_run, without_run)
        selection = select_tests(with_run, without_run)
        users = {test.id: test.executed for test in with_run.tests if test.id in selection.feature_tests}
        others = {test.id: test.executed for test in without_run.tests}
        return choose_hook_points(
            feature_slice,
            self.graphs,
            feature="f",
            distribution="d",
            charge=charge,
            executed_tests=selection.feature_tests,
            named=name_candidates(at, self.graphs, feature_slice, users, others, charge),
            max_hooks=max_hooks,
        )


@contextlib.contextmanager
def _entered(codes: Mapping[CodeId, CodeType]) -> Iterator[dict[CodeId, list[CodeId | None]]]:
    """The callers of each call of each function, in the order of first calls."""
    known = {code: name for name, code in codes.items()}
    found: dict[CodeId, list[CodeId | None]] = {}
    begun: set[FrameType] = set()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code in known and frame not in begun:  # a generator goes on with a call, too
            begun.add(frame)
            above = frame.f_back
            while above is not None and above.f_code not in known:
                above = above.f_back
            found.setdefault(known[frame.f_code], []).append(known[above.f_code] if above else None)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(before)


@contextlib.contextmanager
def _noted(codes: Mapping[CodeId, CodeType]) -> Iterator[dict[CodeId, int]]:
    masks: dict[CodeId, int] = {}
    known = {code: name for name, code in codes.items()}

    def note(code: CodeType, offset: int) -> None:
        while code.co_code[offset] == _EXTENDED_ARG:
            offset += 2
        masks[known[code]] = masks.get(known[code], 0) | 1 << (offset >> 1)

    with (_monitored if hasattr(sys, "monitoring") else _traced)(known, note):
        yield masks


@contextlib.contextmanager
def _monitored(codes: Mapping[CodeType, CodeId], note: Callable[[CodeType, int], object]) -> Iterator[None]:
    monitoring, tool = sys.monitoring, 4  # hypothesis has 3
    monitoring.use_tool_id(tool, "test of planning")
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, note)
    for code in codes:
        monitoring.set_local_events(tool, code, monitoring.events.INSTRUCTION)
    try:
        yield
    finally:
        for code in codes:
            monitoring.set_local_events(tool, code, 0)
        monitoring.free_tool_id(tool)


@contextlib.contextmanager
def _traced(codes: Mapping[CodeType, CodeId], note: Callable[[CodeType, int], object]) -> Iterator[None]:
    def trace(frame: FrameType, event: str, argument: object) -> object:
        frame.f_trace_opcodes = True
        if event == "opcode":
            note(frame.f_code, frame.f_lasti)
        return trace

    before = sys.gettrace()
    sys.settrace(lambda frame, *_: trace(frame, "call", None) if frame.f_code in codes else None)
    try:
        yield
    finally:
        sys.settrace(before)


@pytest.fixture
def package() -> type[SmallPackage]:
    return SmallPackage
