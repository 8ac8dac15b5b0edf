"""Owns what can still be said where nothing is the feature's own: the nearest places, and the data that may decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from meterize.model.code import CodeId
from meterize.model.coverage import Executed
from meterize.model.flow import ControlFlowGraph

from .guidance import names_of

_SHOWN: Final = 3


def describe_nearest(
    feature_tests: Mapping[str, Executed], rest_tests: Mapping[str, Executed], graphs: Mapping[CodeId, ControlFlowGraph]
) -> tuple[str, ...]:
    """The functions that agree best with the selection, in words, with what to write behind ``--at``.

    Agreement is the geometric mean of two shares: of the feature tests, those that enter the function; of the tests that enter
    it, those of the feature (Ochiai, 1957). So what everybody enters comes last, whoever shares it with the feature.
    """
    counts = {code: _count(code, feature_tests.values()) for code, graph in graphs.items() if graph.is_function}
    entered = [code for code, count in counts.items() if count]
    others = {code: _count(code, rest_tests.values()) for code in entered}

    def agreement(code: CodeId) -> float:
        return counts[code] / len(feature_tests) * counts[code] / (counts[code] + others[code])

    nearest = sorted(entered, key=lambda code: (-agreement(code), code.obscurity, code))
    public = [code for code in nearest if code.obscurity <= 1] or nearest
    return tuple(_sentences(public[:_SHOWN], counts, others, len(feature_tests), len(rest_tests)))


def _count(code: CodeId, executed: Iterable[Executed]) -> int:
    return sum(1 for one in executed if code in one)


def _sentences(
    codes: Sequence[CodeId], counts: Mapping[CodeId, int], others: Mapping[CodeId, int], feature: int, rest: int
) -> Iterator[str]:
    for code in codes:
        yield (
            f"nearest: --at {names_of(code)[1]} (entered by {counts[code]} of {feature} feature tests, and by {others[code]} of"
            f" {rest} rest tests)"
        )
