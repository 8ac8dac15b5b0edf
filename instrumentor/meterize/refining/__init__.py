"""Owns the mending of a selection: who really uses the feature, judged by what the tests execute instead of by their names.

Spectrum-based localisation finds the block that goes best with the user's feature tests; whoever executes it uses the feature;
this is repeated to a fixed point. The score is Kulczyński's second coefficient, as Naish, Lee & Ramamohanarao (2011) list it
among those used for that: docs/placement.md compares it with others. Pure.
"""

from .search import Score, kulczynski
from .selection import Evidence, Refinement, doubt, explain, refine
from .veil import explain_veil

__all__ = ["Evidence", "Refinement", "Score", "doubt", "explain", "explain_veil", "kulczynski", "refine"]
