"""The plan as a file: TOML that a person reviews, written by us and read strictly."""

from .reading import check_interpreter, read_plan
from .writing import MAX_BYTES, digest_plan, render_plan, write_plan

__all__ = ["MAX_BYTES", "check_interpreter", "digest_plan", "read_plan", "render_plan", "write_plan"]
