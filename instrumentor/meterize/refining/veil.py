"""The place that agrees with the selection best, and yet is nobody's own, since it also ran while tests were imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meterize.model.code import CodeId, InstructionMask
from meterize.model.coverage import CoverageRecord, Executed, TestRecord
from meterize.model.flow import ControlFlowGraph

from .search import is_thin, kulczynski
from .selection import Refinement
from .spots import Tests, both_sides, files_where, find_spots


@dataclass(frozen=True, slots=True, kw_only=True)
class Veil:
    """Such a place, how many tests of either command execute it, and the ``files`` that have one as good.

    ``is_all``: nothing else has to do with the selection.
    """

    code: CodeId
    line: int | None
    feature_tests: int
    rest_tests: int
    files: tuple[str, ...]
    is_all: bool


def find_veil(with_run: CoverageRecord, without_run: CoverageRecord, graphs: Mapping[CodeId, ControlFlowGraph]) -> Veil | None:
    """The best of these places, if it beats all that did not run so; ``graphs`` as for ``refine``."""
    outside = without_run.outside
    veiled = {code: graph for code, graph in graphs.items() if code in outside and graph.is_function}
    if not veiled:
        return None
    feature, rest = both_sides(with_run, without_run)
    tests = [*feature, *rest]
    asked = (1 << len(feature)) - 1
    spots = find_spots(tests, {}, veiled)
    score, best = max(((_rate(asked, met), met) for met in spots), default=(0.0, 0))
    if is_thin(asked, best):
        return None
    known, rival = max(((_rate(asked, met), met) for met in find_spots(tests, outside, graphs)), default=(0.0, 0))
    enough = known + 1 / (2 * len(feature))
    if score <= enough:
        return None
    own = (best & asked).bit_count()
    return Veil(
        code=spots[best].code,
        line=spots[best].line,
        feature_tests=own,
        rest_tests=best.bit_count() - own,
        files=files_where(lambda met: _rate(asked, met) > enough, tests, veiled),
        is_all=is_thin(asked, rival),
    )


def explain_veil(veil: Veil, why: str) -> str:
    """For people; ``why`` it is nobody's own."""
    return (
        f"{veil.code.qualname} ({veil.code.file}:{veil.line}) agrees best with the selection ({veil.feature_tests} tests of"
        f" --with, {veil.rest_tests} of --without), but {why}, and so is nobody's own. To hook it all the same, name it with"
        " --at, and sort the tests (--refine): then such an import is a use."
    )


def veto_of(alone: Executed, outside: Executed) -> dict[CodeId, InstructionMask]:
    """What nobody can be charged for: what importing the package ``alone`` executes, and of the functions that it enters what
    else ran ``outside`` the tests, since that tells one import from another."""
    return {code: mask | outside.get(code, 0) for code, mask in alone.items()}


def is_better(lifted: Refinement, usual: Sequence[TestRecord]) -> bool:
    """Whether a sorting in which the outside moves finds more users than it misses of the ``usual`` ones.

    Those that it misses use what was made outside: the usual place notices them, and no import passes that.
    """
    known, found = {test.id for test in usual}, {test.id for test in lifted.with_run.tests}
    return len(found - known) > len(known - found)


def _rate(asked: Tests, met: Tests) -> float:
    return kulczynski((asked & met).bit_count(), asked.bit_count(), met.bit_count(), 0)
