"""The place that agrees with the selection best, and yet is nobody's own, since it also ran while tests were imported."""

from __future__ import annotations

from collections.abc import Mapping

from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord
from meterize.model.flow import ControlFlowGraph

from .search import is_thin, kulczynski
from .spots import Tests, both_sides, find_spots


def explain_veil(
    with_run: CoverageRecord, without_run: CoverageRecord, graphs: Mapping[CodeId, ControlFlowGraph]
) -> tuple[str, ...]:
    """A sentence about such a place, if there is one that beats all others; ``graphs`` as for ``refine``."""
    outside = without_run.outside
    veiled = {code: graph for code, graph in graphs.items() if code in outside and graph.is_function}
    if not veiled:
        return ()
    feature, rest = both_sides(with_run, without_run)
    tests = [*feature, *rest]
    asked = (1 << len(feature)) - 1
    spots = find_spots(tests, {}, veiled)
    score, best = max(((_rate(asked, met), met) for met in spots), default=(0.0, 0))
    if is_thin(asked, best):
        return ()
    known = max((_rate(asked, met) for met in find_spots(tests, outside, graphs)), default=0.0)
    if score <= known + 1 / (2 * len(feature)):
        return ()
    code, own = spots[best].code, (best & asked).bit_count()
    sentence = (
        f"{code.qualname} ({code.file}:{spots[best].line}) agrees best with the selection ({own} tests of --with,"
        f" {best.bit_count() - own} of --without), but ran while tests were imported too, and so is nobody's own. To hook it"
        " all the same, name it with --at: then such an import is a use."
    )
    return (sentence,)


def _rate(asked: Tests, met: Tests) -> float:
    return kulczynski((asked & met).bit_count(), asked.bit_count(), met.bit_count(), 0)
