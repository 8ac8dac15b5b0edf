"""Runs the user's test commands in the target's environment and reads what each test did there."""

from .collection import collect
from .command import signals_deferred
from .coverage_file import save_coverage
from .environment import RunEnvironment
from .firing import count_fires
from .originals import Originals
from .probes import ProbeBuild
from .session import Stopped

__all__ = [
    "Originals",
    "ProbeBuild",
    "RunEnvironment",
    "Stopped",
    "collect",
    "count_fires",
    "save_coverage",
    "signals_deferred",
]
