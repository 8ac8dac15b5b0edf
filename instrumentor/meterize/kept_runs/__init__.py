"""Keeps what suites executed, so that the same suite of the same code need not run again."""

from .dependencies import Fingerprints, Surroundings
from .folder import KeptRuns, kept_runs_folder

__all__ = ["Fingerprints", "KeptRuns", "Surroundings", "kept_runs_folder"]
