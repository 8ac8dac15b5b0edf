"""Owns what the calls of the feature tests tell: where they enter the feature's own functions, and how often.

A *way in* is an own function that a test enters from code that is not the feature's own: its outermost call is one use. What
such a function leads to is *inner*.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from meterize.model.code import NAMELESS, CodeId
from meterize.model.coverage import ENOUGH_CALLS, Call
from meterize.model.flow import ControlFlowGraph
from meterize.model.slice import FeatureSlice

from .places import TestMask


@dataclass(slots=True)
class Entrance:
    """How the feature tests enter one function: bit *i* of a mask is the *i*-th test.

    ``outer``: tests that enter it from code that is not the feature's own. ``once`` and ``more``: how often it is entered in a
    test. ``odd``: tests in which it is entered more or less often than the ways in that lead to it, or from within itself.
    ``callers`` are the package's functions that were seen to call it. ``turns`` tell, by test, how many own functions had been
    entered before.
    """

    outer: TestMask = 0
    once: TestMask = 0
    more: TestMask = 0
    odd: TestMask = 0
    recursive: TestMask = 0
    callers: set[CodeId] = field(default_factory=set)
    turns: dict[int, int] = field(default_factory=dict)

    @property
    def known(self) -> TestMask:
        """The tests whose calls of it were seen."""
        return self.once | self.more

    @property
    def turn(self) -> float:
        """How many other functions of the slice a test enters before it, on average; 0 if nothing is known."""
        return fmean(self.turns.values() or [0])

    def comes_first(self, other: Entrance) -> TestMask:
        """The tests in which this function is entered before the other."""
        return sum(1 << test for test, turn in self.turns.items() if turn < other.turns.get(test, -1))


class Entrances:
    """The entrances of the functions in which the slice lies; some of them are the feature's own from their first
    instruction on."""

    def __init__(self, feature_slice: FeatureSlice, graphs: Mapping[CodeId, ControlFlowGraph], tests: Sequence[str]) -> None:
        self._own = {
            code
            for code, mask in feature_slice.union.items()
            if (graph := graphs.get(code)) and graph.is_function and mask & graph.blocks[0].mask
        }
        self._found: dict[CodeId, Entrance] = defaultdict(Entrance)
        for number, test in enumerate(tests):
            entered = [call for call in feature_slice.calls.get(test, ()) if call.code in feature_slice.union]
            calls = {call.code: call for call in entered if call.code in self._own}
            for turn, call in enumerate(entered):
                self._found[call.code].turns[number] = turn
                self._count(call, 1 << number)
                if call.code in self._own:
                    self._trace(call, calls, 1 << number)

    def of(self, code: CodeId) -> Entrance:
        """How ``code`` is entered; nothing is known of what ran in killed processes only."""
        return self._found.get(code) or Entrance()

    def ways_in(self) -> dict[CodeId, TestMask]:
        """The functions that are entered from outside, with the tests that do so."""
        return {code: found.outer for code, found in self._found.items() if found.outer}

    def is_repeated(self, code: CodeId, graphs: Mapping[CodeId, ControlFlowGraph]) -> bool:
        """Whether one use may enter it several times: it, or what leads to it, is mentioned in a loop of an own function that
        calls it, or that is always entered before (it may start tasks or threads)."""
        leading = {code}
        pending = [code]
        while pending:
            found = {caller for caller in self.of(pending.pop()).callers if caller in self._own} - leading
            leading |= found
            pending += found
        return any(self._is_looped(one, graphs) for one in leading)

    def _is_looped(self, code: CodeId, graphs: Mapping[CodeId, ControlFlowGraph]) -> bool:
        *_, outer, name = ("", *code.qualname.split("."))
        wanted = {name, outer} if name == "__init__" else {name}
        entrance = self.of(code)
        return any(
            _mentions_in_loop(graphs[other], wanted)
            and (other in entrance.callers or not entrance.known & ~self.of(other).comes_first(entrance))
            for other in self._own
            if other != code
        )

    def _count(self, call: Call, test: TestMask) -> None:
        found = self._found[call.code]
        found.callers.update(caller for caller in call.callers if caller is not None)
        if call.count == 1:
            found.once |= test
        else:
            found.more |= test

    def _trace(self, call: Call, calls: Mapping[CodeId, Call], test: TestMask) -> None:
        found = self._found[call.code]
        if any(caller not in self._own for caller in call.callers):
            found.outer |= test
        above = _above(call, calls)
        if call.code in above:
            found.recursive |= test
            found.odd |= test
        elif above and not found.outer & test:
            uses = sum(calls[code].count for code in above if any(caller not in self._own for caller in calls[code].callers))
            found.odd |= test * (call.count != min(uses, ENOUGH_CALLS))


def _above(call: Call, calls: Mapping[CodeId, Call]) -> set[CodeId]:
    """The own functions that lead to a call, in one test."""
    above: set[CodeId] = set()
    pending = [caller for caller in call.callers if caller in calls]
    while pending:
        code = pending.pop()
        if code is not None and code not in above:
            above.add(code)
            pending.extend(caller for caller in calls[code].callers if caller in calls)
    return above


def _mentions_in_loop(graph: ControlFlowGraph, names: set[str]) -> bool:
    """A comprehension that is code of its own is a loop as a whole."""
    if graph.names.isdisjoint(names):
        return False
    return graph.code.obscurity >= NAMELESS or any(block.loop_depth and block.names & names for block in graph.blocks)
