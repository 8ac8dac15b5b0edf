"""How long work tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, str], None]
"""Called with a stage (``with``, ``without``, ``slice``) and what is under way in it."""


def of_stage(progress: Progress | None, stage: str) -> Callable[[str], None] | None:
    """The progress of one stage."""
    return None if progress is None else partial(progress, stage)
