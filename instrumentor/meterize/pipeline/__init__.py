"""The library API: analyze, instrument, verify, status, usage and strip as plain typed functions.

Only this package composes the stages; it prints nothing.
"""

from .analysis.analyze import analyze
from .analysis.features import analyze_features
from .metering.instrument import instrument
from .metering.strip import strip, strip_all
from .proof.verify import verify
from .status import status
from .target import Target
from .usage import usage

__all__ = ["Target", "analyze", "analyze_features", "instrument", "status", "strip", "strip_all", "usage", "verify"]
