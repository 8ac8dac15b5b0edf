"""Owns the candidates: what could be hooked to notice a use, and how good each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final

from meterize.model.code import PRIVATE, CodeId, InstructionMask
from meterize.model.feature import Charge
from meterize.model.flow import Block, ControlFlowGraph
from meterize.model.plan import Fires
from meterize.model.slice import FeatureSlice

from .entrances import Entrance, Entrances
from .hitting_set import Cost
from .places import Executions, Place, TestMask, Work, find_work

_MISCOUNTS: Final = 3
"""Rather up to so many hooks that count each use once than one that counts some uses several times, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One piece of the feature's work.

    ``whole`` says that it is a whole function, which no rest test enters, and ``entrance`` how the feature tests enter that;
    ``repeated``: one use may enter it several times, by a loop in the feature's own code. ``leads_to`` counts the slice's
    instructions that only it leads to, ``reaches`` those of all code that it may call as well, going by names.
    ``is_called_back``: other functions of the slice are called the same (``run``, ``visit``), so that it is a framework that
    calls them. ``is_inner``: the feature tests enter it from the feature's own functions alone, and from one that is not called
    back. ``rest_tests`` pass it too, if a user named it.
    """

    graph: ControlFlowGraph
    work: Work
    whole: bool
    entrance: Entrance
    repeated: bool
    leads_to: int
    reaches: int
    is_called_back: bool = False
    is_inner: bool = False
    rest_tests: int = 0

    @property
    def tests(self) -> TestMask:
        """The feature tests that begin the work."""
        return self.work.head.tests

    @property
    def noticed(self) -> TestMask:
        """The feature tests that are charged for it."""
        return reduce(or_, (place.tests for place in self.places))

    @property
    def places(self) -> tuple[Place, ...]:
        """Where hooks go; each use passes at most one of them."""
        return self.work.ends

    @property
    def loop_depth(self) -> int:
        """How many loops are around the innermost place."""
        return max(place.loop_depth for place in self.places)

    @property
    def miscounts(self) -> bool:
        """Whether some test enters it more or less often than it uses the feature, or a loop may do so, or whoever gets hold of
        a nested function."""
        is_nested = self.graph.code.obscurity > PRIVATE
        return self.whole and (bool(self.entrance.odd) or self.repeated or is_nested)

    def cost(self, most: int) -> Cost:
        """Cheap is good: one count for a use; a public function rather than a private one, and the feature's own rather than
        an arm of a shared one; on the way in, entered seldom, well known, outside loops, sharing few tests with others, not
        called back, entered early, a caller of the others, with few places.

        The first element counts candidates, because few are better than good ones. ``most`` is the size of the whole slice.
        """
        weight = _MISCOUNTS if self.miscounts else 1
        often = self.entrance.more.bit_count() if self.whole else 0
        name = self.graph.code.obscurity
        kind = 2 * (name >= PRIVATE) + (not self.whole)
        shared = self.tests.bit_count()  # added up: all tests once, and once more for each hook beyond the first
        places = len(self.places)
        return (
            weight,
            kind,
            int(self.is_inner),
            often,
            name,
            self.loop_depth,
            shared,
            int(self.is_called_back),
            round(10 * self.entrance.turn),
            most - self.reaches,
            places,
        )

    def fires(self, place: Place) -> Fires:
        """How often the feature tests pass one of the places."""
        begins = self.whole and place is self.work.head
        once = place.tests & self.entrance.once if not place.loop_depth else 0
        more = place.tests & self.entrance.more if begins else 0
        unknown = place.tests & ~once & ~more
        return Fires(once=once.bit_count(), more=more.bit_count(), unknown=unknown.bit_count())

    @property
    def order(self) -> tuple[str, int, int]:
        """File, line, offset: the order of a plan, and what decides between equals."""
        return self.graph.code.file, self.places[0].line, self.places[0].offset


def find_candidates(
    feature_slice: FeatureSlice,
    graphs: Mapping[CodeId, ControlFlowGraph],
    tests: Sequence[str],
    charge: Charge,
    entrances: Entrances,
) -> list[Candidate]:
    """Every candidate for ``charge``. Module and class bodies have none: imported lazily they look unique, and run once."""
    union = feature_slice.union
    executions = Executions(feature_slice.by_test, tests)
    calls = _Calls(union, graphs)
    found = []
    for code in sorted(union):
        graph = graphs.get(code)
        if graph is None or not graph.is_function:
            continue
        for work in find_work(graph, executions, charge):
            whole = graph.begins_with(work.head.block)
            found.append(
                Candidate(
                    graph=graph,
                    work=work,
                    whole=whole,
                    entrance=entrances.of(code),
                    repeated=entrances.is_repeated(code, graphs),
                    leads_to=_behind(union, graph, work.head.block) + (_nested(union, code) if whole else 0),
                    reaches=calls.reached_from(code),
                    is_called_back=calls.is_called_back(code),
                    is_inner=whole and _is_inner(entrances.of(code), calls),
                )
            )
    return found


class _Calls:
    """Which code of the slice may call which, going by the names that it mentions: enough to prefer callers to callees."""

    def __init__(self, union: Mapping[CodeId, InstructionMask], graphs: Mapping[CodeId, ControlFlowGraph]) -> None:
        self._union = union
        self._graphs = graphs
        self._called: dict[str, list[CodeId]] = {}
        for code in union:
            *_, outer, name = ("", *code.qualname.split("."))
            self._called.setdefault(outer if name == "__init__" else name, []).append(code)

    def is_called_back(self, code: CodeId) -> bool:
        """Whether other functions of the slice have its name; operators and constructors are all called the same."""
        name = code.qualname.rpartition(".")[2]
        return not name.startswith("__") and len(self._called.get(name, ())) > 1

    def reached_from(self, code: CodeId) -> int:
        """How many instructions of the slice are in ``code`` and in what it calls, and so on."""
        reached: set[CodeId] = set()
        pending = [code]
        while pending:
            caller = pending.pop()
            if caller not in reached:
                reached.add(caller)
                names = self._graphs[caller].names if caller in self._graphs else ()
                pending.extend(called for name in names for called in self._called.get(name, ()))
        return sum(self._union[code].bit_count() for code in reached)


def _is_inner(entrance: Entrance, calls: _Calls) -> bool:
    callers = entrance.callers
    return bool(entrance.known) and not entrance.outer and not (callers and all(map(calls.is_called_back, callers)))


def _behind(union: Mapping[CodeId, InstructionMask], graph: ControlFlowGraph, head: Block) -> int:
    """The slice's instructions in the blocks that ``head`` dominates."""
    dominated = (block.mask for block in graph.blocks if graph.dominates(head.index, block.index))
    return sum((union[graph.code] & mask).bit_count() for mask in dominated)


def _nested(union: Mapping[CodeId, InstructionMask], outer: CodeId) -> int:
    """The slice inside the functions that ``outer`` defines: there is no other way to them."""
    prefix = f"{outer.qualname}.<locals>."
    return sum(mask.bit_count() for code, mask in union.items() if code.file == outer.file and code.qualname.startswith(prefix))
