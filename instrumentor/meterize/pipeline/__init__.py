"""The library API: analyze, instrument, verify, status, usage and strip as plain typed functions.

Only this package composes the stages; it prints nothing.
"""

from .analyze import analyze
from .features import analyze_features
from .instrument import instrument
from .status import status
from .strip import strip, strip_all
from .target import Target
from .usage import usage
from .verify import verify

__all__ = ["Target", "analyze", "analyze_features", "instrument", "status", "strip", "strip_all", "usage", "verify"]
