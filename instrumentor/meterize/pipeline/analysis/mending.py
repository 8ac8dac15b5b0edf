"""Mends the selection: who uses the feature by what the tests execute, and whether what ran outside them does so too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from meterize.model.code import CodeId
from meterize.model.coverage import CoverageRecord
from meterize.model.enumeration import first_few
from meterize.model.flow import Block, ControlFlowGraph
from meterize.model.plan import HookPoint, Selection
from meterize.refining import (
    OUTSIDE,
    Refinement,
    both_sides,
    explain_veil,
    find_veil,
    is_better,
    refine,
    taken_outside,
    veto_of,
)

from .imports import ImportAlone

_SHOWN: Final = 3
_FEW: Final = 4
"""With fewer rest tests than one for so many feature tests, much of what everybody uses is executed by the latter alone."""

_IMPORTED: Final = "ran while tests were imported too"


def mend(
    runs: Mapping[str, CoverageRecord],
    graphs: Mapping[CodeId, ControlFlowGraph],
    named: Sequence[tuple[CodeId, Block]],
    import_alone: ImportAlone,
) -> tuple[Refinement | None, tuple[str, ...]]:
    """What sorting the tests would change, and what to say of a place that ran outside them; see ``refine``.

    What ran outside the tests is nobody's own as a rule. Only where that takes the best place away it is looked at more
    closely: what the package's own import executes stays nobody's, all else is one more test, which may be sorted to the
    feature.
    """
    with_run, without_run = runs["with"], runs["without"]
    usual = refine(with_run, without_run, graphs, named)
    if named or (veil := find_veil(with_run, without_run, graphs)) is None:
        return usual, ()
    alone = import_alone(veil.files)
    if alone.executed is None:
        return usual, (explain_veil(veil, f"{_IMPORTED}{alone.excuse}"),)
    lifted = refine(with_run, without_run, graphs, veto=veto_of(alone.executed, without_run.outside))
    if lifted is None or not lifted.moved_outside:
        why = f"`{alone.statement}` alone runs it" if veil.code in alone.executed else _IMPORTED
        return usual, (explain_veil(veil, why),)
    known = usual.with_run.tests if usual is not None else both_sides(with_run, without_run)[0]
    if veil.is_all or is_better(lifted, known):
        return lifted, ()
    return usual, (explain_veil(veil, f"{_IMPORTED} (where it made what tests use)"),)


def name_outside(
    points: Sequence[HookPoint], runs: Mapping[str, CoverageRecord], refinement: Refinement | None
) -> Iterator[str]:
    """What to say of hooks that are passed outside the tests of the ``runs``, as recorded; ``refinement``: what was done."""
    rest = _passed(points, runs["without"])
    if refinement is not None and refinement.moved_outside:
        passed = f"it passes {rest}, so that such an import is a use, and counted" if rest else "it passes no hook"
        yield f"{OUTSIDE} was sorted to the feature, since it executes {taken_outside(refinement)}: {passed}"
    elif rest:
        yield f"{OUTSIDE} passes {rest} too: verify will tell. Where such an import is a use, say --refine"
    elif own := _passed(points, runs["with"]):
        yield f"while the tests of --with are imported, {own} is passed too: such an import is a use, and counted"


def doubt_rest(selection: Selection) -> Iterator[str]:
    """What to say where hardly any test is there to tell what is not the feature's."""
    rest, feature = len(selection.rest_tests), len(selection.feature_tests)
    if rest * _FEW < feature:
        stands = "only one rest test stands" if rest == 1 else f"only {rest} rest tests stand"
        yield (
            f"{stands} against {feature} feature tests: whatever else those execute looks like the feature's own. Let --without"
            " run the tests of everything but the feature."
        )


def _passed(points: Sequence[HookPoint], run: CoverageRecord) -> str:
    """The hook points that are passed outside the tests of a run; empty if none is."""
    passed = [point for point in points if run.outside.get(point.code, 0) & 1 << (point.offset >> 1)]
    return first_few([f"{point.code.qualname} ({point.code.file}:{point.line})" for point in passed], _SHOWN) if passed else ""
