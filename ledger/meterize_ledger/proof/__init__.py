"""Proves, from an export alone, that no record was removed, added or changed.

Standard library only, and none of the code that makes the chain. How it is made stands in docs/ledger.md, so that anybody
may write another.
"""

from __future__ import annotations

from .chain import Chain, Proof, prove
from .files import read_rows

__all__ = ["Chain", "Proof", "prove", "read_rows"]
