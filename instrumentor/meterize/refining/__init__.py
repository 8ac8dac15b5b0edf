"""Owns the mending of a selection: who really uses the feature, judged by what the tests execute instead of by their names.

Spectrum-based localisation finds the block that goes best with the user's feature tests; whoever executes it uses the feature;
this is repeated to a fixed point. The score is Kulczyński's second coefficient, as Naish, Lee & Ramamohanarao (2011) list it
among those used for that: docs/placement.md compares it with others. Pure.
"""

from .search import Score, kulczynski
from .selection import OUTSIDE, Evidence, Refinement, doubt, explain, refine, taken_outside
from .spots import both_sides
from .veil import Veil, explain_veil, find_veil, is_better, veto_of

__all__ = [
    "OUTSIDE",
    "Evidence",
    "Refinement",
    "Score",
    "Veil",
    "both_sides",
    "doubt",
    "explain",
    "explain_veil",
    "find_veil",
    "is_better",
    "kulczynski",
    "refine",
    "taken_outside",
    "veto_of",
]
