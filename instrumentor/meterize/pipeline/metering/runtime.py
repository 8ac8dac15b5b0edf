"""Finds the runtime that a metered package needs beside it, without executing it."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

from meterize import __version__
from meterize.errors import InternalError
from meterize.installed import RuntimeSource
from meterize.pipeline.target import Target

RUNTIME = "meterize_hooks"


def runtime_source(target: Target) -> RuntimeSource:
    """The tool's own copy of ``meterize_hooks``, to be copied unless the target finds one by itself."""
    own = PathFinder.find_spec(RUNTIME)
    if own is None or own.origin is None:
        raise InternalError(f"the tool's own copy of {RUNTIME} is missing")
    return RuntimeSource(folder=Path(own.origin).parent, version=__version__, search_path=tuple(target.search_path))
