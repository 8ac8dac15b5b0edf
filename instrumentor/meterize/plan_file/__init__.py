"""The plan as a file: TOML that a person reviews, written by us and read strictly; and the file of features to plan."""

from .catalogue import read_catalogue
from .reading import check_interpreter, read_plans
from .writing import MAX_BYTES, digest_plan, render_plans, write_plans

__all__ = ["MAX_BYTES", "check_interpreter", "digest_plan", "read_catalogue", "read_plans", "render_plans", "write_plans"]
