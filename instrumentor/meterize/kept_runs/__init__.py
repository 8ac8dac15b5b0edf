"""Keeps what suites executed, so that the same suite of the same code need not run again."""

from .dependencies import Surroundings, fingerprint
from .folder import KeptRuns, kept_runs_folder

__all__ = ["KeptRuns", "Surroundings", "fingerprint", "kept_runs_folder"]
