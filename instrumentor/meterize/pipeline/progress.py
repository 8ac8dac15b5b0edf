"""How long work tells of itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, str], None]
"""Called with a stage (``with``, ``without``, ``slice``) and what is under way in it, or nothing when it has ended. Stages may
go on side by side, each in a thread of its own."""


def of_stage(progress: Progress | None, stage: str) -> Callable[[str], None] | None:
    """The progress of one stage."""
    return None if progress is None else partial(progress, stage)


def end_stage(progress: Progress | None, stage: str) -> None:
    """Nothing more is to be told of a stage."""
    if progress is not None:
        progress(stage, "")
